"""Make the sample dataset: drawn pedestrians in the layout of Occluded-Duke."""

from __future__ import annotations

import argparse
import inspect
import re
import sys
from collections.abc import Sequence

from msvitreid.demo.drawn import make_synthetic
from msvitreid.errors import ReIDError

from .running import make_parser

OPTIONS = {
    '--train-ids': ('num_train_ids', int, 'identities to train on'),
    '--test-ids': ('num_test_ids', int, 'other identities, in query and gallery'),
    '--cams': ('num_cams', int, 'cameras'),
    '--images-per-id': ('images_per_id', int, 'pictures of a training identity'),
    '--gallery-per-id': ('gallery_per_id', int, 'gallery pictures of a test identity'),
    '--queries-per-id': ('queries_per_id', int, 'queries of a test identity'),
    '--occluded-share': (
        'occluded_share',
        float,
        'share of training and gallery pictures that are occluded, as all queries are',
    ),
    '--seed': ('seed', int, 'the same seed gives the same files'),
    '--workers': ('workers', int, 'processes (default: one for each CPU)'),
}


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = make_parser('make-data', __doc__)
    parser.add_argument('root', help='folder to make, e.g. data/synthetic')
    defaults = inspect.signature(make_synthetic).parameters
    for flag, (name, kind, what) in OPTIONS.items():
        default = defaults[name].default
        shown = '' if default is None else ' (default: %(default)s)'
        parser.add_argument(
            flag, dest=name, type=kind, default=default, metavar='N', help=what + shown
        )
    parser.add_argument(
        '--size',
        type=int,
        nargs=2,
        default=defaults['size'].default,
        metavar=('HEIGHT', 'WIDTH'),
        help='of the pictures, in pixels (default: %(default)s)',
    )
    return parser.parse_args(argv)


def in_options(sentence: str) -> str:
    """``sentence`` with the function's arguments called as the command line calls them."""
    flags = {name: flag for flag, (name, _, _) in OPTIONS.items()}
    flags |= {'size': '--size', 'height': '--size HEIGHT', 'width': '--size WIDTH'}
    # Only before what such a sentence says of an argument: a path may hold the word too.
    argument = rf'(?<!\S)({"|".join(flags)})(?= (?:is|\+|[\d\[]))'
    return re.sub(argument, lambda found: flags[found[1]], sentence)


def main(argv: Sequence[str] | None = None) -> None:
    options = vars(parse_args(argv))
    root = options.pop('root')
    options['size'] = tuple(options['size'])
    try:
        made = make_synthetic(root, progress=sys.stderr.isatty(), **options)
    except ReIDError as error:
        raise type(error)(in_options(str(error))) from error
    print(f'{root}: Occluded-Duke layout, {made.cams} cameras')
    print(f'  train    {made.train_images:6d} images of {made.train_ids} identities')
    print(f'  query    {made.query_images:6d} images of {made.test_ids} identities')
    print(f'  gallery  {made.gallery_images:6d} images of {made.test_ids} identities')
