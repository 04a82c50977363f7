"""Where the time of the net goes, kind of operation by kind, plain and fused.

Besides the CSV file this makes a picture of the same name.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch.profiler import ProfilerActivity, profile

from msvitreid.models.fused import fuse_for_inference
from tests.plain import net as plain

from .nets import images, published
from .results import Result

NAME = 'profile'

#: Kind of operation -> what its operations' names contain; the first that fits counts.
KINDS = {
    'convolution': ('conv',),
    'selection and softmax': ('sparse_softmax', 'topk', 'softmax', 'scatter', 'fill', 'full'),
    'attention products': ('bmm', 'matmul'),
    'BatchNorm': ('batch_norm',),
    'activation, gates, sums': ('clamp', 'relu', 'threshold', 'mul', 'add', 'sigmoid'),
    'copies': ('copy', 'clone', 'cat'),
}
OTHER = 'other'
COLOURS = ('#3f6fa8', '#c2703d', '#6a9f58', '#9a6fb0', '#c9a227', '#8c8c8c', '#d9d9d9')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('--arch', choices=['s', 'l'], default='s')
    parser.add_argument('--batch-size', type=int, default=32, metavar='N')


@torch.inference_mode()
def run(args: argparse.Namespace) -> list[Result]:
    model, batch = published(args.arch).eval(), images(args.batch_size)
    fused = fuse_for_inference(model)
    shares = {
        'plain': kinds_of(lambda: plain.features(model, batch), args.rounds),
        'fused': kinds_of(lambda: fused(batch), args.rounds),
    }
    draw(shares, args.out.with_suffix('.png'))
    return [
        Result(NAME, f'msvit_{args.arch}, batch {args.batch_size}, {kind}', name, (seconds,))
        for name, share in shares.items()
        for kind, seconds in share.items()
    ]


def kinds_of(function: Callable[[], object], rounds: int) -> dict[str, float]:
    """Seconds a call spends in each kind of operation, mean of ``rounds`` calls."""
    function()
    with profile(activities=[ProfilerActivity.CPU]) as recorded:
        for _ in range(rounds):
            function()
    total: Counter[str] = Counter()
    for event in recorded.key_averages():
        total[kind_of(event.key)] += event.self_cpu_time_total / rounds
    return {kind: total[kind] / 1e6 for kind in (*KINDS, OTHER)}


def kind_of(operation: str) -> str:
    for kind, parts in KINDS.items():
        if any(part in operation for part in parts):
            return kind
    return OTHER


def draw(shares: Mapping[str, Mapping[str, float]], path: Path) -> None:
    """One bar a variant, its kinds end to end."""
    # Here, as nothing else needs it; a figure of its own leaves pyplot's backend alone.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 2.8), dpi=110, layout='constrained')
    ax = figure.subplots()
    names = list(shares)
    left = [0.0] * len(names)
    for kind, colour in zip((*KINDS, OTHER), COLOURS, strict=True):
        widths = [shares[name][kind] for name in names]
        ax.barh(names, widths, left=left, color=colour, label=kind)
        left = [start + width for start, width in zip(left, widths, strict=True)]
    ax.invert_yaxis()
    ax.set_xlabel(f'seconds of the calling thread, CPU threads: {torch.get_num_threads()}')
    ax.spines[['top', 'right']].set_visible(False)
    figure.legend(loc='outside upper center', ncols=4, frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)
