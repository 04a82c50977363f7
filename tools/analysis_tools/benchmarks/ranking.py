"""Similarities, CMC, both mAPs and mINP of a whole test set.

The limit is the bare product of the features. Two cases a size: from features, and of given
similarities without the product. torchreid and fastreid are timed once where installed.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

from msvitreid.evaluation.functional import (
    AP_DEFINITIONS,
    MarketRule,
    RankedMatches,
    inner_product_rows,
    rank_matches,
    rank_streamed_matches,
    score_matches,
    summarize,
)
from tests.plain import ranking as plain

from .made_features import SHAPES, WIDTH, Shape, features, labels
from .ranges import check_at_least
from .results import Result
from .timing import paired, peak_memory

NAME = 'ranking'
PLAIN_QUERIES = 4_000
"""More than so many take the plain loop, and its matrix, too far."""

STREAM_QUERIES = SHAPES['market'].queries

Call = Callable[[], Any]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        '--sizes', nargs='+', choices=sorted(SHAPES), default=['market'], metavar='SIZE'
    )
    parser.add_argument(
        '--streamed',
        type=int,
        metavar='ROWS',
        help='also rank in a gallery of so many rows that is read from a file; a million take '
        '10 GB of disk for a while',
    )
    parser.add_argument(
        '--folder', type=Path, metavar='FOLDER', help='for that file (default: the system says)'
    )


def run(args: argparse.Namespace) -> list[Result]:
    check_at_least(args, 1, 'streamed')
    results = []
    for size in args.sizes:
        results += measure(SHAPES[size], args.rounds)
    if args.streamed is not None:
        results += measure_streamed(args.streamed, args.folder, args.rounds)
    return results


def measure(shape: Shape, rounds: int) -> list[Result]:
    ids = labels(shape)
    query, gallery = features(ids[0], 1), features(ids[1], 2)
    rule = MarketRule(*ids)

    def score(rows: Callable[[int, int], torch.Tensor]) -> dict[str, float]:
        return both(rank_matches(rows, rule, 0, shape.queries))

    calls: dict[str, Call] = {
        'product': lambda: query @ gallery.T,
        'msvitreid': lambda: score(inner_product_rows(query, gallery)),
    }
    if shape.queries > PLAIN_QUERIES:
        return rows_of(str(shape), paired(calls, rounds), calls, reference='product')

    arrays = query.numpy(), gallery.numpy()
    calls['plain'] = lambda: plain.rank_metrics(*arrays, *ids)
    similarity = query @ gallery.T
    given: dict[str, Call] = {
        'msvitreid': lambda: score(lambda start, stop: similarity[start:stop].clone()),
        'plain': lambda: plain.rank_similarity(similarity.numpy(), *ids),
    }
    distances = 1 - similarity.numpy()
    others = {
        name: (lambda evaluate=evaluate: evaluate(distances, *ids))
        for name, evaluate in toolkits().items()
    }
    case = f'{shape}, similarities given'
    seconds = paired(given, rounds)
    if others:
        seconds |= paired(others, rounds=1, warmup=0)
    note = f'differs by {largest_difference(given["msvitreid"](), given["plain"]()):.1g}'
    return [
        *rows_of(str(shape), paired(calls, rounds), calls),
        *rows_of(case, seconds, {}, note={'msvitreid': note}),
    ]


def measure_streamed(rows: int, folder: Path | None, rounds: int) -> list[Result]:
    shape = Shape(STREAM_QUERIES, rows, max(1, rows // 27), 15)
    ids = labels(shape)
    query = features(ids[0], 1)
    with TemporaryDirectory(dir=folder) as temporary:
        gallery = GalleryFile(Path(temporary) / 'gallery.f32', rows)
        step = 1 << 13
        with gallery.path.open('wb') as file:
            for start in range(0, rows, step):
                features(ids[1][start : start + step], start + 2).numpy().tofile(file)

        def product() -> None:
            for start in range(0, rows, step):
                query @ torch.from_numpy(gallery[start : start + step]).T

        calls: dict[str, Call] = {
            'product': product,
            'msvitreid': lambda: both(rank_streamed_matches(query, gallery, *ids)),
        }
        case = f'{shape}, gallery in a file'
        seconds = paired(calls, rounds, warmup=0)
        del calls['product']
        return rows_of(case, seconds, calls, reference='product')


class GalleryFile:
    """Float32 features in a file that is read, not mapped, so that memory can be measured."""

    def __init__(self, path: Path, rows: int) -> None:
        self.path = path
        self.shape = (rows, WIDTH)

    def __getitem__(self, rows: slice | np.ndarray) -> np.ndarray:
        if not isinstance(rows, slice):
            return np.concatenate([self[row : row + 1] for row in rows.tolist()])
        start, stop, _ = rows.indices(self.shape[0])
        return np.fromfile(
            self.path, np.float32, (stop - start) * WIDTH, offset=start * WIDTH * 4
        ).reshape(-1, WIDTH)


def both(ranked: RankedMatches) -> dict[str, float]:
    """The figures with either definition of average precision."""
    return {
        **{
            f'mAP-{ap}': summarize(score_matches(ranked, ap), (1,))['mAP']
            for ap in AP_DEFINITIONS
        },
        **summarize(score_matches(ranked, 'plain'), (1, 5, 10)),
    }


def largest_difference(ours: dict[str, float], plain_ones: dict[str, float]) -> float:
    return max(abs(ours[name] - value) for name, value in plain_ones.items())


def rows_of(
    case: str,
    seconds: dict[str, tuple[float, ...]],
    calls: dict[str, Call],
    reference: str = 'plain',
    note: dict[str, str] | None = None,
) -> list[Result]:
    """Results of one case, with the memory of ``calls`` and the product as the limit."""
    limit = median(seconds['product']) if 'product' in seconds else None
    return [
        Result(
            NAME,
            case,
            variant,
            times,
            reference,
            memory_mib=peak_memory(calls[variant]) if variant in calls else None,
            limit_seconds=limit,
            note=(note or {}).get(variant, ''),
        )
        for variant, times in seconds.items()
    ]


def toolkits() -> dict[str, Callable[..., Any]]:
    """Ranking functions of other toolkits that can be imported."""
    found = {}
    for name, module in (
        ('torchreid', 'torchreid.reid.metrics.rank'),
        ('fastreid', 'fastreid.evaluation.rank'),
    ):
        try:
            rank = import_module(module)
        except ImportError as error:
            print(f'{name} is left out: {error}', file=sys.stderr)
            continue
        for compiled in (False, True) if rank.IS_CYTHON_AVAI else (False,):
            variant = f'{name}, {"compiled" if compiled else "Python"}'
            found[variant] = lambda *arguments, rank=rank, compiled=compiled: (
                rank.evaluate_rank(*arguments, use_cython=compiled)
            )
    return found
