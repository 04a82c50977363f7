"""k-reciprocal re-ranking: k1 20, k2 6, lambda 0.3.

The limit is the products that cannot be done without: of all images with each other one of
the two equal triangles, in blocks with those on the diagonal, for the neighbors, and of the
queries with the gallery for the distances.

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
from msvitreid.evaluation.functional.similarity import BLOCK
from tests.plain import rerank as plain

from .made_features import Shape, exact_features, labels
from .ranges import check_at_least
from .results import Result
from .timing import paired, peak_memory

NAME = 'rerank'
LIMIT = 'necessary products'
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
    check_at_least(args, 3, 'images')
    return [
        result
        for images in args.images
        for result in measure(images, args.rounds, args.no_plain)
    ]


def measure(images: int, rounds: int, no_plain: bool) -> list[Result]:
    queries = round(images * QUERY_SHARE)
    shape = Shape(queries, images - queries, max(1, images // IMAGES_PER_IDENTITY), 6)
    query_pids, gallery_pids, *_ = labels(shape)
    features = torch.cat([exact_features(query_pids, 1), exact_features(gallery_pids, 2)])
    query, gallery = features[:queries], features[queries:]

    calls: dict[str, Callable[[], Any]] = {LIMIT: lambda: necessary_products(features, queries)}
    if no_plain:
        calls['msvitreid, in blocks'] = lambda: hand_out(query, gallery)
        reference, note = LIMIT, ''
    else:
        arrays = query.numpy(), gallery.numpy()
        calls['msvitreid'] = lambda: k_reciprocal_rerank(query, gallery)
        calls['plain'] = lambda: plain.k_reciprocal_rerank(*arrays)
        reference = 'plain'
        difference = np.abs(calls['msvitreid']() - calls['plain']()).max()
        note = f'differs by {difference:.1g}'
    seconds = paired(calls, rounds, warmup=0)
    limit = median(seconds[LIMIT])
    return [
        Result(
            NAME,
            f'{shape}',
            variant,
            times,
            reference,
            memory_mib=None if variant == LIMIT else peak_memory(calls[variant]),
            limit_seconds=limit,
            note=note if variant == 'msvitreid' else '',
        )
        for variant, times in seconds.items()
    ]


def necessary_products(features: torch.Tensor, queries: int) -> None:
    """One triangle of ``(N, D)`` features' products, and the first ``queries`` with the others."""
    blocks = features.split(BLOCK)
    for i, upper in enumerate(blocks):
        for lower in blocks[i:]:
            upper @ lower.T
    for part in features[:queries].split(ROWS):
        part @ features[queries:].T


def hand_out(query: torch.Tensor, gallery: torch.Tensor) -> None:
    distances = KReciprocalDistances(query, gallery)
    for start in range(0, len(query), ROWS):
        distances.rows(start, min(start + ROWS, len(query)))
