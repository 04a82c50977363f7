"""Search in a gallery on the disk: exact, with filters, and next to other stores.

The limit of a search is the bare product with the same file of vectors, memory-mapped; that of
adding, opening and filtering is not known. FAISS and Qdrant (the client's local mode, in memory)
are timed where they are installed; both hold their vectors in memory.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

from msvitreid.errors import GalleryError
from msvitreid.gallery import EmbeddedGallery, QdrantGallery
from msvitreid.gallery.approximate import KINDS
from msvitreid.gallery.checks import PRECISIONS
from msvitreid.gallery.vectors import file_name

from .ranges import check_at_least
from .results import Result
from .timing import paired, peak_memory

NAME = 'gallery'
STEP = 5_000
K = 10
QDRANT_ROWS = 100_000
"""The local mode of the client is made for no more."""

Call = Callable[[], Any]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('--rows', type=int, default=100_000, metavar='N')
    parser.add_argument('--dimension', type=int, default=2560, metavar='D')
    parser.add_argument(
        '--queries', type=int, default=1000, metavar='Q', help='of many at once'
    )
    parser.add_argument('--precision', choices=PRECISIONS, default='float32')
    parser.add_argument('--index', choices=KINDS, help='build and time this index as well')
    parser.add_argument(
        '--without',
        nargs='+',
        choices=['faiss', 'qdrant'],
        default=[],
        help='do not time these; filling Qdrant takes longer than all else',
    )
    parser.add_argument(
        '--folder',
        type=Path,
        metavar='FOLDER',
        help='for the gallery (default: the system says)',
    )


def run(args: argparse.Namespace) -> list[Result]:
    check_at_least(args, 1, 'rows', 'dimension', 'queries')
    with TemporaryDirectory(dir=args.folder) as folder:
        return measure(args, Path(folder) / 'gallery')


def measure(args: argparse.Namespace, path: Path) -> list[Result]:
    rows, width = args.rows, args.dimension
    case = f'{rows:,} x {width}, {args.precision}'
    fill = partial(add_all, path, rows, width, args.precision)
    added = paired({'msvitreid': fill}, rounds=1, warmup=0)
    size = sum(file.stat().st_size for file in path.iterdir()) / 2**20
    opened = paired({'msvitreid': lambda: open_and_close(path)}, args.rounds)
    results = [
        *rows_of(f'{case}: add', added, note=f'{size:,.0f} MiB on the disk'),
        *rows_of(f'{case}: open', opened),
    ]
    with EmbeddedGallery.open(path) as gallery:
        one, many = vectors(1, width, 10**6), vectors(args.queries, width, 10**6 + 1)
        calls: dict[str, Call] = {'msvitreid': lambda: gallery.search(one, K)}
        several: dict[str, Call] = {'msvitreid': lambda: gallery.search(many, K)}
        if args.precision == 'float32':
            shape = (rows, width)
            mapped = np.memmap(path / file_name(1), np.float32, 'c', shape=shape)
            bare = torch.from_numpy(mapped)
            calls['product'] = lambda: torch.from_numpy(one) @ bare.T
            several['product'] = lambda: torch.from_numpy(many) @ bare.T
            for name, search in others(gallery, rows, width, args.without).items():
                calls[name] = partial(search, one)
                several[name] = partial(search, many)
        if args.index:
            recall = gallery.build_index(args.index, min_recall=0)
            indexed = f'msvitreid, {args.index} (recall@10 {recall:.3f})'
            calls[indexed] = lambda: gallery.search(one, K, recall=0)
            several[indexed] = lambda: gallery.search(many, K, recall=0)
        results += rows_of(f'{case}: 1 query', paired(calls, args.rounds), calls)
        results += rows_of(
            f'{case}: {args.queries:,} queries', paired(several, 1, warmup=0), several
        )
        filtered: dict[str, Call] = {
            'one camera of 100': lambda: gallery.search(one, K, where={'camera': 7}),
            'half of the time': lambda: gallery.search(
                one, K, where={'time': {'<': rows // 2}}
            ),
            'threshold': lambda: gallery.search(one, threshold=0.9),
            'not of a camera': lambda: gallery.search(one, K, exclude={'camera': [7]}),
        }
        results += rows_of(f'{case}: filters', paired(filtered, args.rounds))
    return results


def vectors(count: int, width: int, seed: int) -> np.ndarray:
    made = torch.randn(count, width, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.normalize(made, dim=1).numpy()


def add_all(path: Path, rows: int, width: int, precision: str) -> None:
    with EmbeddedGallery.create(path, width, 'benchmark', precision) as gallery:
        for start in range(0, rows, STEP):
            numbers = range(start, min(start + STEP, rows))
            gallery.add(
                [f'image-{number:08d}.jpg' for number in numbers],
                vectors(len(numbers), width, start),
                [{'pid': n // 20, 'camera': n % 100, 'time': n} for n in numbers],
            )


def open_and_close(path: Path) -> None:
    with EmbeddedGallery.open(path, readonly=True) as gallery:
        gallery.count({'id': 'image-00000000.jpg'})


def others(
    gallery: EmbeddedGallery, rows: int, width: int, without: list[str]
) -> dict[str, Callable]:
    found: dict[str, Callable] = {}
    try:
        if 'faiss' in without:
            raise GalleryError('as asked')
        import faiss

        index = faiss.IndexFlatIP(width)
        for items in gallery.scan(batch_size=STEP):
            index.add(np.stack([item.embedding for item in items]))
        found['FAISS flat'] = lambda queries: index.search(queries, K)
    except (ImportError, GalleryError) as error:
        print(f'FAISS is left out: {error}', file=sys.stderr)
    try:
        if 'qdrant' in without:
            raise GalleryError('as asked')
        from qdrant_client import QdrantClient

        if rows > QDRANT_ROWS:
            raise GalleryError(f'more than {QDRANT_ROWS:,} rows')
        store = QdrantGallery.create_in(QdrantClient(':memory:'), 'b', width, 'benchmark')
        gallery.copy_to(store, STEP)
        found['Qdrant local'] = lambda queries: store.search(queries[:10], K)
    except (ImportError, GalleryError) as error:
        print(f'Qdrant is left out: {error}', file=sys.stderr)
    return found


def rows_of(
    case: str,
    seconds: dict[str, tuple[float, ...]],
    calls: dict[str, Call] | None = None,
    note: str = '',
) -> list[Result]:
    limit = median(seconds['product']) if 'product' in seconds else None
    return [
        Result(
            NAME,
            case,
            variant,
            times,
            'product',
            memory_mib=peak_memory(calls[variant])
            if calls and variant == 'msvitreid'
            else None,
            limit_seconds=limit,
            note='the first 10 queries only'
            if note == '' and variant == 'Qdrant local'
            else note,
        )
        for variant, times in seconds.items()
    ]
