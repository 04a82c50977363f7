"""How time and memory grow: ranking with the gallery, the net with batch, image and split.

Besides the CSV file this makes a picture of the same name.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import torch

from msvitreid.deployment.fused import fuse_for_inference
from msvitreid.evaluation.functional import k_reciprocal_rerank, rank_metrics
from msvitreid.models import ReIDModel
from msvitreid.registry import MODELS

from .made_features import Shape, features, labels
from .ranges import check_at_least
from .results import Result
from .timing import paired, peak_memory

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NAME = 'scaling'
QUERIES = 512
#: A re-ranked set has one query in so many images.
QUERY_SHARE = 6
#: Heights divide by it, so that the last stage's maps, a third as wide, divide by the split.
STRIDE = 192

GALLERY = 'gallery images'
RERANKED = 'query and gallery images'
BATCH = 'images a batch'
HEIGHT = 'image height in pixels, width a third'
SPLIT = 'split size'
_AXES = {
    GALLERY: f'ranking of {QUERIES} queries',
    RERANKED: 'k-reciprocal re-ranking',
    BATCH: 'msvit_s at 192x64',
    HEIGHT: 'msvit_s, batch 4',
    SPLIT: 'msvit_s at 384x128, batch 2',
}
"""What varies -> what is measured."""

_TIME, _MEMORY = '#3f6fa8', '#c2703d'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        '--galleries', nargs='+', type=int, default=[2_000, 4_000, 8_000, 16_000], metavar='N'
    )
    parser.add_argument(
        '--reranked', nargs='+', type=int, default=[1_000, 2_000, 4_000], metavar='N'
    )
    parser.add_argument('--batches', nargs='+', type=int, default=[1, 2, 4, 8, 16], metavar='N')
    parser.add_argument(
        '--heights',
        nargs='+',
        type=int,
        default=[192, 384, 576],
        metavar='PIXELS',
        help='of images, multiples of 192',
    )
    parser.add_argument(
        '--splits',
        nargs='+',
        type=int,
        choices=[2, 4, 8],
        default=[2, 4, 8],
        metavar='N',
        help='of 2, 4 and 8',
    )


def run(args: argparse.Namespace) -> list[Result]:
    check_at_least(args, 1, 'galleries', 'batches')
    check_at_least(args, QUERY_SHARE, 'reranked')
    check_at_least(args, STRIDE, 'heights', multiple=STRIDE)
    curves: dict[str, dict[int, Callable[[], Any]]] = {
        GALLERY: {size: ranking(size) for size in args.galleries},
        RERANKED: {size: reranking(size) for size in args.reranked},
        BATCH: {size: forward(size, 192, 4) for size in args.batches},
        HEIGHT: {size: forward(4, size, 4) for size in args.heights},
        SPLIT: {size: forward(2, 384, size) for size in args.splits},
    }
    results = [
        result for axis, calls in curves.items() for result in measure(axis, calls, args.rounds)
    ]
    draw(results, args.out.with_suffix('.png'))
    return results


def measure(axis: str, calls: dict[int, Callable[[], Any]], rounds: int) -> list[Result]:
    """One curve; the speed-up column is the first point's time over each point's."""
    seconds = paired({str(size): call for size, call in calls.items()}, rounds)
    return [
        Result(
            NAME,
            f'{_AXES[axis]}, {axis}',
            str(size),
            seconds[str(size)],
            reference=str(min(calls)),
            memory_mib=peak_memory(call),
        )
        for size, call in calls.items()
    ]


def ranking(gallery: int) -> Callable[[], Any]:
    ids = labels(Shape(QUERIES, gallery, max(1, gallery // 20), 6))
    arrays = features(ids[0], 1), features(ids[1], 2)
    return lambda: rank_metrics(*arrays, *ids)


def reranking(images: int) -> Callable[[], Any]:
    queries = images // QUERY_SHARE
    ids = labels(Shape(queries, images - queries, max(1, images // 25), 6))
    arrays = features(ids[0], 1), features(ids[1], 2)
    return lambda: k_reciprocal_rerank(*arrays)


def forward(batch: int, height: int, split: int) -> Callable[[], Any]:
    model = fuse_for_inference(net(split))
    images = torch.rand(batch, 3, height, height // 3)

    def call() -> None:
        with torch.inference_mode():
            model(images)

    return call


def net(split: int) -> ReIDModel:
    backbone = dict(type='MSViT', arch='s', split_size=(split, split), sparse_ratio=0.3)
    torch.manual_seed(0)
    return MODELS.build(
        dict(
            type='ReIDModel',
            backbone=backbone,
            neck=dict(type='PartPoolingNeck', num_parts=2),
            head=dict(type='BNNeckHead'),
        )
    ).eval()


def draw(results: Sequence[Result], path: Path) -> None:
    """Time above, memory below, against what varies; from 0 on, so that shapes can be seen."""
    # Here, as nothing else needs it; a figure of its own leaves pyplot's backend alone.
    from matplotlib.figure import Figure

    cases = list(dict.fromkeys(result.case for result in results))
    figure = Figure(figsize=(3.4 * len(cases), 6), dpi=110, layout='constrained')
    figure.suptitle(f'Growth of time and memory, CPU threads: {torch.get_num_threads()}')
    columns = figure.subplots(2, len(cases)).T
    for (above, below), case, axis in zip(columns, cases, _AXES, strict=True):
        curve = [result for result in results if result.case == case]
        sizes = [int(result.variant) for result in curve]
        _draw_curve(above, sizes, [median(result.seconds) for result in curve], _TIME)
        _draw_curve(below, sizes, [result.memory_mib or 0 for result in curve], _MEMORY)
        above.set_title(_AXES[axis], fontsize=10)
        below.set_xlabel(axis)
    columns[0][0].set_ylabel('seconds')
    columns[0][1].set_ylabel('MiB beyond the input')
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)


def _draw_curve(ax: Axes, sizes: Sequence[int], values: Sequence[float], color: str) -> None:
    ax.plot(sizes, values, 'o-', color=color, markersize=4)
    ax.set_xlim(0, max(sizes) * 1.08)
    ax.set_ylim(0, max(values) * 1.15 or 1)
    ax.spines[['top', 'right']].set_visible(False)
    ax.xaxis.set_major_formatter('{x:,.0f}')
    ax.locator_params(axis='x', nbins=5, integer=True)
    ax.grid(axis='y', alpha=0.3)
