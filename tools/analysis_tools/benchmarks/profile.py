"""Where the time of the net goes, kind of operation by kind, plain and fused.

Besides the CSV file this makes a picture of the same name.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median

import torch
from torch.profiler import ProfilerActivity, profile

from msvitreid.deployment.fused import fuse_for_inference
from tests.plain import net as plain

from .nets import images, published
from .ranges import check_at_least
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
COLOURS += ('#5aa5a5', '#b05a7a')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('--arch', choices=['s', 'l'], default='s')
    parser.add_argument('--batch-size', type=int, default=32, metavar='N')


@torch.inference_mode()
def run(args: argparse.Namespace) -> list[Result]:
    check_at_least(args, 1, 'batch_size')
    model, batch = published(args.arch).eval(), images(args.batch_size)
    fused = fuse_for_inference(model)
    calls = {'plain': lambda: plain.features(model, batch), 'fused': lambda: fused(batch)}
    shares = kinds_of(calls, args.rounds)
    draw(shares, args.out.with_suffix('.png'))
    return [
        Result(NAME, f'msvit_{args.arch}, batch {args.batch_size}, {kind}', name, seconds)
        for name, share in shares.items()
        for kind, seconds in share.items()
    ]


def kinds_of(
    functions: Mapping[str, Callable[[], object]], rounds: int
) -> dict[str, dict[str, tuple[float, ...]]]:
    """Seconds that each function spends in each kind of operation, round by round, in turn."""
    for function in functions.values():
        function()
    turns = [
        {name: one_call(function) for name, function in functions.items()}
        for _ in range(rounds)
    ]
    return {
        name: {kind: tuple(turn[name][kind] for turn in turns) for kind in (*KINDS, OTHER)}
        for name in functions
    }


def one_call(function: Callable[[], object]) -> Counter[str]:
    """Seconds that a call spends in each kind of operation."""
    with profile(activities=[ProfilerActivity.CPU]) as recorded:
        function()
    total: Counter[str] = Counter()
    for event in recorded.key_averages():
        total[kind_of(event.key)] += event.self_cpu_time_total / 1e6
    return total


def kind_of(operation: str, kinds: Mapping[str, Sequence[str]] = KINDS) -> str:
    for kind, parts in kinds.items():
        if any(part in operation for part in parts):
            return kind
    return OTHER


def draw(
    shares: Mapping[str, Mapping[str, Sequence[float]]],
    path: Path,
    label: str = '',
    height: float = 2.8,
) -> None:
    """One bar a variant, its kinds' medians end to end."""
    # Here, as nothing else needs it; a figure of its own leaves pyplot's backend alone.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, height), dpi=110, layout='constrained')
    ax = figure.subplots()
    names = list(shares)
    left = [0.0] * len(names)
    kinds = dict.fromkeys(kind for share in shares.values() for kind in share)
    for kind, color in zip(kinds, COLOURS, strict=False):
        widths = [median(shares[name][kind]) for name in names]
        ax.barh(names, widths, left=left, color=color, label=kind)
        left = [start + width for start, width in zip(left, widths, strict=True)]
    ax.invert_yaxis()
    threads = torch.get_num_threads()
    ax.set_xlabel(label or f'seconds of the calling thread, CPU threads: {threads}')
    ax.spines[['top', 'right']].set_visible(False)
    figure.legend(loc='outside upper center', ncols=4, frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)
