"""Search a gallery by images: the most similar ones of each query, in a table.

A QUERY is an image file, a folder, a pattern in quotes or @LIST.txt; with --id the query is an
image of the gallery, and MODEL is not needed. --where takes conditions that all have to hold, each
in quotes where it has < or >: 'camera=c1,c2' 'time>=10' 'pid=' (without a pid).
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .arguments import positive
from .image_options import (
    EXIT_CODES,
    Done,
    add_json_option,
    add_model_options,
    finish,
    load_inferencer,
    metadata_text,
    note,
    report_failures,
    table,
)
from .running import make_parser

if TYPE_CHECKING:
    from msvitreid.apis.indexing import ImageSearch
    from msvitreid.gallery import GalleryStore

EXAMPLE = """\
example:
  msvitreid search people.gallery model.safetensors query.jpg -k 5 --show ranking.jpg
  msvitreid search people.gallery --id cam1/0001.jpg --where camera=c2 'time>=10'
"""


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = make_parser('search', __doc__, EXAMPLE, EXIT_CODES)
    add = parser.add_argument
    add('gallery', metavar='GALLERY', help='folder or URL of a gallery')
    add('model', nargs='?', metavar='MODEL', help='the model that the gallery was made with')
    add('queries', nargs='*', metavar='QUERY', help='images to search for')
    several: dict[str, Any] = {'nargs': '+', 'action': 'extend', 'default': []}
    add('--id', **several, metavar='ID', help='images of the gallery to search for')
    add(
        '-k',
        type=positive,
        metavar='N',
        help='hits of a query (10, or all from a threshold on)',
    )
    add('--threshold', type=float, metavar='S', help='smallest similarity of a hit')
    add('--card', metavar='FILE', help='take the threshold of this calibration card')
    add('--fmr', type=float, metavar='RATE', help="at this false match rate (the card's own)")
    add('--where', **several, metavar='CONDITION', help='only images that meet all of them')
    add(
        '--exclude-same',
        **several,
        metavar='COLUMN',
        help="no images with the query's value of this column, e.g. camera, or hash (copies)",
    )
    for column in ('camera', 'pid'):
        add(
            f'--{column}-from',
            metavar='REGEX',
            help=f"finds a query's {column} in its path, e.g. '_c([0-9]+)'",
        )
    add('--group-by', metavar='COLUMN', help='one hit for each value, e.g. for each pid')
    add('--expand', type=positive, metavar='N', help='average query expansion by N hits')
    add('--rerank', type=positive, metavar='N', help='k-reciprocal re-ranking of N hits')
    add('--recall', type=float, metavar='R', help='use an index of at least this recall')
    add('--show', metavar='FILE', help='draw the hits to a .jpg or .png')
    add('--root', metavar='FOLDER', help='where the images of the gallery are, for --show')
    add_model_options(parser)
    add_json_option(parser)
    args = parser.parse_intermixed_args(argv)
    if not args.queries and not args.id:
        parser.error('give a MODEL and a QUERY, or --id')
    if args.queries and args.model is None:
        parser.error('a QUERY needs the MODEL before it')
    if args.fmr is not None and args.card is None:
        parser.error('--fmr needs the --card that gives its threshold')
    if args.threshold is not None and args.card is not None:
        parser.error('--threshold and --card cannot be combined')
    return args


def main(argv: Sequence[str] | None = None) -> None:
    finish(parse_args(argv), search)


def search(args: argparse.Namespace) -> Done:
    from msvitreid.apis.indexing import draw_search, parse_conditions, search_images
    from msvitreid.apis.verification.card import CalibrationCard
    from msvitreid.gallery import open_gallery

    where = parse_conditions(args.where)
    with open_gallery(args.gallery, readonly=True) as gallery:
        threshold = args.threshold
        if args.card is not None:
            threshold = CalibrationCard.load(args.card, gallery.fingerprint).threshold(args.fmr)
        if args.show is not None:
            require_picture(args, gallery)
        found = search_images(
            gallery,
            load_inferencer(args) if args.queries else None,
            args.queries,
            args.id,
            exclude_same=args.exclude_same,
            patterns={'camera': args.camera_from, 'pid': args.pid_from},
            batch_size=args.batch_size,
            k=args.k,
            threshold=threshold,
            where=where,
            group_by=args.group_by,
            expand=args.expand,
            rerank=args.rerank,
            recall=args.recall,
        )
        fingerprint = gallery.fingerprint
    report_failures(found.failed)
    document = {
        'gallery': args.gallery,
        'fingerprint': fingerprint,
        'exactness': found.exactness,
        'threshold': threshold,
        'queries': found.as_json(),
        'failed': found.failed,
    }
    if args.show is not None:
        for name in draw_search(found, args.show, args.root):
            note(f'not there, drawn as a gray tile: {name}')
        document['show'] = args.show
    return Done(document, as_text(found, threshold), bool(found.failed))


def require_picture(args: argparse.Namespace, gallery: GalleryStore) -> None:
    """Check, before the search, that --show overwrites nothing that is read."""
    from msvitreid.apis.indexing import require_no_image_of, require_outside
    from msvitreid.apis.indexing.searching import PICTURES
    from msvitreid.utils.files import require_suffix, require_writable

    require_suffix(args.show, PICTURES, '--show')
    inputs = (args.gallery, args.model, args.card, *args.queries)
    require_outside(args.show, filter(None, inputs), '--show')
    require_no_image_of(gallery, args.show, args.root, '--show')
    require_writable(args.show)


def as_text(found: ImageSearch, threshold: float | None) -> str:
    """A table for each query."""
    if not found.queries:
        return ''
    limit = '' if threshold is None else f', similarity {threshold:.4f} and more'
    parts = []
    for query in found.as_json():
        rows = [
            (
                str(rank),
                f'{hit["similarity"]:.4f}',
                hit['id'],
                metadata_text(hit['metadata']),
            )
            for rank, hit in enumerate(query['hits'], start=1)
        ]
        head = table([(f'{query["query"]} ({found.exactness}{limit})',)])
        parts.append('\n'.join([head, table(rows, '  ') if rows else '  nothing found']))
    return '\n\n'.join(parts)
