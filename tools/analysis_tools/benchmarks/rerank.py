"""k-reciprocal re-ranking: k1 20, k2 6, lambda 0.3.

The features are such that their products are exact, so that results can be compared. The
dense implementation needs 24 bytes for every pair of images.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np
import torch

from msvitreid.evaluation.functional import KReciprocalDistances, k_reciprocal_rerank
from tests.plain import rerank as plain

from .made_features import Shape, exact_features, labels
from .results import Result
from .timing import paired, peak_memory

NAME = 'rerank'
IMAGES_PER_IDENTITY = 25
QUERY_SHARE = 3_368 / 19_281
ROWS = 256


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        '--images',
        nargs='+',
        type=int,
        default=[5_000],
        metavar='N',
        help='queries and gallery together (default: 5000; Market-1501 has 19281, MSMT17 93820)',
    )
    parser.add_argument(
        '--no-plain',
        action='store_true',
        help='leave the dense implementation out; re-ranked rows are then handed out in blocks',
    )


def run(args: argparse.Namespace) -> list[Result]:
    return [
        result
        for images in args.images
        for result in measure(images, args.rounds, args.no_plain)
    ]


def measure(images: int, rounds: int, no_plain: bool) -> list[Result]:
    queries = round(images * QUERY_SHARE)
    shape = Shape(queries, images - queries, max(1, images // IMAGES_PER_IDENTITY), 6)
    query_pids, gallery_pids, *_ = labels(shape)
    query, gallery = exact_features(query_pids, 1), exact_features(gallery_pids, 2)

    calls: dict[str, Callable[[], Any]] = {'product': lambda: product(query, gallery)}
    if no_plain:
        calls['msvitreid, in blocks'] = lambda: hand_out(query, gallery)
        reference, note = 'product', ''
    else:
        arrays = query.numpy(), gallery.numpy()
        calls['msvitreid'] = lambda: k_reciprocal_rerank(query, gallery)
        calls['plain'] = lambda: plain.k_reciprocal_rerank(*arrays)
        reference = 'plain'
        difference = np.abs(calls['msvitreid']() - calls['plain']()).max()
        note = f'differs by {difference:.1g}'
    seconds = paired(calls, rounds, warmup=0)
    limit = median(seconds['product'])
    return [
        Result(
            NAME,
            f'{shape}',
            variant,
            times,
            reference,
            memory_mib=None if variant == 'product' else peak_memory(calls[variant]),
            limit_seconds=limit,
            note=note if variant == 'msvitreid' else '',
        )
        for variant, times in seconds.items()
    ]


def product(query: torch.Tensor, gallery: torch.Tensor) -> None:
    """All images with all images, in blocks that fit into memory."""
    features = torch.cat([query, gallery])
    for part in features.split(ROWS):
        part @ features.T


def hand_out(query: torch.Tensor, gallery: torch.Tensor) -> None:
    distances = KReciprocalDistances(query, gallery)
    for start in range(0, len(query), ROWS):
        distances.rows(start, min(start + ROWS, len(query)))
