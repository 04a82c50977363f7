"""``show ranking``: what queries find, of a test set or among the images of a gallery."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msvitreid.cli.arguments import positive, whole_number

from .options import add_data_options, add_kind, embedded

if TYPE_CHECKING:
    from msvitreid.apis.pictures import EmbeddedTestSet


def add_ranking(kinds: Any) -> None:
    one = add_kind(kinds, 'ranking', 'what queries of a test set, or images of a gallery, find')
    one.add_argument('source', metavar='CONFIG|GALLERY')
    one.add_argument('checkpoint', metavar='CHECKPOINT', nargs='?', help='with a config')
    one.add_argument('--root', metavar='FOLDER', help="where a gallery's images are")
    add_data_options(one)
    one.add_argument(
        '--queries',
        choices=['best', 'worst', 'random', 'all'],
        default='random',
        help='which, by average precision (default: %(default)s)',
    )
    one.add_argument('--count', type=positive, default=8, metavar='N', help='queries (8)')
    one.add_argument('--hits', type=positive, default=10, metavar='K', help='images each (10)')
    one.add_argument(
        '--pages',
        type=positive,
        default=12,
        metavar='ROWS',
        help='queries of a page (12); further ones go to OUT-2, OUT-3, ...',
    )
    one.add_argument(
        '--seed', type=whole_number, default=0, metavar='N', help='of random queries (0)'
    )
    one.add_argument(
        '--no-left-out',
        action='store_true',
        help="hide images that do not count, of the query's identity and camera, and junk",
    )
    one.add_argument(
        '--unlabeled', action='store_true', help='no identities and frames, to guess first'
    )


def draw(args: argparse.Namespace) -> list[str]:
    from msvitreid.apis.pictures import choose_queries, rank_with_left_out
    from msvitreid.visualization import draw_ranking_lists

    images = _source(args)
    precisions = images.average_precisions(required=args.queries in ('best', 'worst'))
    chosen = choose_queries(precisions, args.queries, args.count, args.seed)
    gallery_paths = [images.paths[i] for i in images.gallery]
    notes = [_notes(images, i) for i in images.gallery]
    starts = range(0, len(chosen), args.pages)
    written = []
    missing: list[str] = []
    of_gallery = args.checkpoint is None
    for number, start in enumerate(starts, start=1):
        rows = chosen[start : start + args.pages]
        found = rank_with_left_out(images, rows, args.hits, not args.no_left_out)
        queries = images.query[rows]
        names = [images.names.full_pid(pid) or None for pid in images.pids.tolist()]
        draw_ranking_lists(
            [images.paths[i] for i in queries],
            gallery_paths,
            found.matches,
            None if args.unlabeled else [names[i] for i in queries],
            None if args.unlabeled else [names[i] for i in images.gallery],
            found.similarity,
            thumb=(88, 176),
            out=(out := _page(args.out, number, len(starts))),
            left_out=None if args.unlabeled else found.left_out,
            query_notes=[
                [
                    *_ap(precisions[row], shown=names[i] and not args.unlabeled),
                    *_notes(images, i),
                ]
                for row, i in zip(rows, queries, strict=True)
            ],
            gallery_notes=notes,
            missing=missing if of_gallery else None,
        )
        written.append(out)
    if missing:
        print(f'{len(missing)} images cannot be read and are gray', file=sys.stderr)
    return written


def _source(args: argparse.Namespace) -> EmbeddedTestSet:
    """A test set, or a gallery whose images search each other."""
    if args.checkpoint is not None:
        return embedded(args.source, args.checkpoint, args)
    from msvitreid.apis.indexing import require_outside
    from msvitreid.apis.pictures import images_of_gallery
    from msvitreid.gallery import open_gallery

    require_outside(args.out, [args.source], '--out')
    with open_gallery(args.source, readonly=True) as gallery:
        return images_of_gallery(gallery, Path(args.source).name, args.root)


def _page(out: str, number: int, count: int) -> str:
    path = Path(out)
    if count == 1:
        return out
    return str(path.with_name(f'{path.stem}-{number:0{len(str(count))}}{path.suffix}'))


def _notes(images: EmbeddedTestSet, index: int) -> list[str]:
    camid = int(images.camids[index])
    camera = [] if camid == -1 else [f'camera {images.names.full_camid(camid)}']
    return [*camera, Path(images.paths[index]).name]


def _ap(value: float, shown: object) -> list[str]:
    if not shown:
        return []
    return ['no match' if value != value else f'AP {value:.1%}']
