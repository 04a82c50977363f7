"""Cluster the images of a gallery, and write them as a training list.

Images whose similarity reaches the threshold and that are among each other's nearest are one
identity. Images of one tracklet are always together, two images of one frame never. The list
CLUSTERS.csv has the columns path (the id), pid (the cluster) and camid, and is read by ReIDDataset.
Where the gallery has labels, the clusters are measured by them.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msvitreid.errors import OutputError

from .image_options import (
    NOT_DONE,
    Done,
    add_json_option,
    finish,
    note,
)
from .running import make_parser

if TYPE_CHECKING:
    from msvitreid.apis.clustering import GalleryClusters

EXAMPLE = """\
example:
  msvitreid cluster people.gallery --card card.json --fmr 1e-3 --out clusters.csv --show sheet.jpg
"""
EXIT_CODES = f"""\
exit codes:
  0  done
  1  done, but images named on stderr could not be drawn to --show
{NOT_DONE}"""


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = make_parser('cluster', __doc__, EXAMPLE, EXIT_CODES)
    add = parser.add_argument
    add('gallery', metavar='GALLERY', help='folder or URL of a gallery')
    add('--threshold', type=float, metavar='S', help='smallest similarity of joined images')
    add('--card', metavar='FILE', help='take the threshold of this calibration card')
    add('--fmr', type=float, metavar='RATE', help="at this false match rate (the card's own)")
    add(
        '--method',
        metavar='NAME',
        default='components',
        help='components (default), dbscan or hdbscan',
    )
    add('--neighbors', type=int, default=6, metavar='K', help='neighbors looked at (6)')
    for name, standard in (('tracklet', 'tracklet'), ('frame', 'frame'), ('label', 'pid')):
        add(
            f'--{name}-column',
            metavar='COLUMN',
            help=f'column of the gallery ({standard}, where there is one)',
        )
    add('--previous', metavar='FILE', help='clusters that are extended and stay as they are')
    add('--out', metavar='FILE', default='clusters.csv', help='the list (clusters.csv)')
    add('--show', metavar='PICTURE', help='draw the largest clusters, to a .jpg or .png file')
    add('--root', metavar='FOLDER', help='where the images are, for --show')
    add_json_option(parser)
    args = parser.parse_args(argv)
    if (args.threshold is None) == (args.card is None):
        parser.error('give either --threshold or --card')
    if args.fmr is not None and args.card is None:
        parser.error('--fmr needs --card')
    return args


def main(argv: Sequence[str] | None = None) -> None:
    finish(parse_args(argv), cluster)


def cluster(args: argparse.Namespace) -> Done:
    from msvitreid.apis.clustering import (
        cluster_gallery,
        draw_clusters,
        read_list,
        write_list,
    )
    from msvitreid.apis.indexing import require_no_image_of, require_outside
    from msvitreid.apis.indexing.searching import PICTURES
    from msvitreid.apis.verification.card import CalibrationCard
    from msvitreid.gallery import open_gallery
    from msvitreid.utils.files import make_folder, require_suffix, require_writable

    require_suffix(args.out, ['.csv'], '--out')
    outputs = [args.out] if args.show is None else [args.out, args.show]
    if args.show is not None:
        require_suffix(args.show, PICTURES, '--show')
    for path in outputs:
        require_outside(path, filter(None, (args.gallery, args.card)), 'the result')
        require_writable(path)
    previous = None if args.previous is None else read_list(args.previous)
    with open_gallery(args.gallery, readonly=True) as gallery:
        for path in outputs:
            require_no_image_of(gallery, path, args.root, 'the result')
        threshold = args.threshold
        if args.card is not None:
            threshold = CalibrationCard.load(args.card, gallery.fingerprint).threshold(args.fmr)
        found = cluster_gallery(
            gallery,
            threshold,
            previous=previous,
            tracklet_column=args.tracklet_column,
            frame_column=args.frame_column,
            label_column=args.label_column,
            method=args.method,
            k_reciprocal=args.neighbors,
        )
        fingerprint = gallery.fingerprint
    make_folder(Path(args.out).absolute().parent)
    write_list(args.out, found.ids, found.pids, found.cameras)
    try:
        missing = [] if args.show is None else draw_clusters(found, args.show, args.root)
    except OutputError as error:
        raise OutputError(f'{error}; the list {args.out!r} is written') from error
    facts = summary(found, fingerprint)
    if found.lost:
        shown = ', '.join(found.lost[:3]) + ', ...' * (len(found.lost) > 3)
        note(
            f'{len(found.lost)} images of {args.previous} are not in the gallery and are left '
            f'out: {shown}'
        )
    if missing:
        note(f'not drawn: {len(missing)} images, such as {missing[0]!r}')
    document = {**facts, 'out': args.out, 'show': args.show, 'not_drawn': missing}
    return Done(document, '\n'.join([as_text(facts), ', '.join(outputs)]), bool(missing))


def summary(found: GalleryClusters, fingerprint: str) -> dict[str, Any]:
    """What the command prints."""
    sizes = list(found.clusters.sizes.values())
    return {
        'images': len(found.ids),
        'clusters': len(sizes),
        'alone': sizes.count(1),
        'largest': max(sizes, default=0),
        'threshold': found.clusters.threshold,
        'method': found.clusters.method,
        'kept_apart': found.clusters.refused,
        'fingerprint': fingerprint,
        'lost': found.lost,
        'figures': found.figures,
    }


def as_text(facts: dict[str, Any]) -> str:
    lines = [
        f'{facts["images"]:,} images in {facts["clusters"]:,} clusters, the largest of '
        f'{facts["largest"]:,}, {facts["alone"]:,} images alone (similarity from '
        f'{facts["threshold"]:.4f} on, {facts["method"]})'
    ]
    if facts['kept_apart']:
        lines.append(f'{facts["kept_apart"]:,} similar pairs kept apart by a constraint')
    if figures := facts['figures']:
        shown = '  '.join(
            f'{name} {value:.4f}' for name, value in figures.items() if isinstance(value, float)
        )
        lines.append(
            f'of {figures["labelled"]:,} images with labels, {figures["classes"]:,} classes in '
            f'{figures["clusters"]:,} clusters: {shown}'
        )
    return '\n'.join(lines)
