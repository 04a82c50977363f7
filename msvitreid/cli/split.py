"""Deal the identities of your images into training and test, as a list to train with.

Nobody is trained on and tested with. Every query has an image of its identity in the gallery: of
another camera where cameras are known, else any other. Files of the same bytes stay in one split.
The same seed and images give the same list.
"""

from __future__ import annotations

import argparse
import os
import shlex
from collections.abc import Sequence
from pathlib import Path

from .image_options import Done, finish, table
from .running import make_parser

EPILOG = r"""
examples:
  msvitreid split crops                                 # crops/<identity>/*.jpg
  msvitreid split crops --camera-pattern '_c(\d+)'      # names such as 000341_c12.jpg
  msvitreid split crops/all.csv --test-fraction 0.5     # columns path, pid and perhaps camid
  msvitreid train own-person-128x64 --data-root crops/split.csv

Identities with one image cannot be searched for: they are in the gallery, as images that no query
looks for, or with --single-images train in training. Identities whose images are all of one known
camera are trained on, since the protocol would leave out all that their queries look for.

exit codes: 0 done, 2 not done, because of what one sentence on stderr says
"""


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = make_parser('split', __doc__, EPILOG)
    parser.add_argument(
        'source',
        metavar='FOLDER_OR_CSV',
        help='a folder with a folder per identity, or a list with the columns path, pid and '
        'perhaps camid',
    )
    parser.add_argument(
        '--out',
        metavar='FILE.csv',
        help="the list to write (default: split.csv in the images' folder)",
    )
    parser.add_argument(
        '--root',
        metavar='FOLDER',
        help="of a list: what its paths are relative to (default: the list's folder)",
    )
    parser.add_argument(
        '--camera-pattern',
        metavar='REGEX',
        help="of a folder: the camera's number in a file's name, as the first group",
    )
    parser.add_argument(
        '--test-fraction',
        type=float,
        default=0.3,
        metavar='F',
        help='share of the identities to test with (default: %(default)s)',
    )
    parser.add_argument(
        '--queries-per-camera',
        type=int,
        default=2,
        metavar='N',
        help='queries of a test identity and camera, at most (default: %(default)s)',
    )
    parser.add_argument(
        '--single-images',
        choices=('gallery', 'train'),
        default='gallery',
        help='where identities with one image go (default: %(default)s)',
    )
    parser.add_argument(
        '--seed', type=int, default=0, metavar='N', help='another one gives another split'
    )
    parser.add_argument('--json', action='store_true', help='print a JSON document')
    args = parser.parse_args(argv)
    if args.out is not None and not args.out.lower().endswith('.csv'):
        parser.error(f'--out must name a .csv file, got {args.out!r}')
    return args


def main(argv: Sequence[str] | None = None) -> None:
    finish(parse_args(argv), split)


def split(args: argparse.Namespace) -> Done:
    from msvitreid.datasets.splitting import SplitOptions, write_split

    options = SplitOptions(
        args.test_fraction, args.queries_per_camera, args.single_images, args.seed
    )
    done = write_split(args.source, args.out, args.root, args.camera_pattern, options)
    rows = [
        (
            name,
            *(f'{done[name][kind]:,} {kind}' for kind in ('images', 'identities', 'cameras')),
        )
        for name in ('train', 'query', 'gallery')
    ]
    lines = [f'{done["file"]} written', table(rows, '  ')]
    lines += [f'  note: {note}' for note in done['notes']]
    lines.append(f'next: msvitreid train own-person-128x64 {_data_options(done)}')
    return Done(done, '\n'.join(lines))


def _data_options(done: dict[str, str]) -> str:
    """How a run is given the list."""
    file, root = Path(done['file']), done['data_root']
    if os.path.realpath(file.parent) == os.path.realpath(root):
        return shlex.join(['--data-root', str(file)])
    return shlex.join(['--data-root', root, '--cfg-options', f'csv={file.resolve()}'])
