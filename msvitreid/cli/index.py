"""Make and keep a gallery of images, which msvitreid search searches.

add is continued by the same command after it was stopped or killed: images whose content the
gallery has are skipped, changed ones are updated, and those that are gone are named
(--prune removes them).
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from . import index_commands as commands
from .arguments import positive
from .image_options import (
    EXIT_CODES,
    INPUTS_HELP,
    add_error_option,
    add_json_option,
    add_metadata_options,
    add_model_options,
    finish,
)
from .running import make_parser

EXAMPLE = """\
example:
  msvitreid index add people.gallery model.safetensors crops/ --metadata crops.csv
  msvitreid index verify people.gallery
  torchrun --nproc-per-node 8 -m msvitreid index add people.gallery model.safetensors crops/
"""


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = make_parser('index', __doc__, EXAMPLE, EXIT_CODES)
    subs = parser.add_subparsers(metavar='COMMAND', required=True, dest='command')

    def sub(name: str, run: Any, summary: str, example: str) -> argparse.ArgumentParser:
        made = subs.add_parser(
            name,
            help=summary,
            description=f'{summary[:1].upper()}{summary[1:]}.',
            epilog=f'example:\n  msvitreid index {name} {example}\n\n{EXIT_CODES}',
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        made.set_defaults(run=run)
        made.add_argument('gallery', metavar='GALLERY', help='folder or URL of the gallery')
        return made

    several: dict[str, Any] = {'nargs': '+', 'action': 'extend', 'default': []}
    add = sub(
        'add',
        commands.add,
        'add images, and update those that changed; makes the gallery if need be',
        'people.gallery model.safetensors crops/ --metadata crops.csv',
    )
    add.add_argument('model', metavar='MODEL', help='a model file, or a config')
    add.add_argument('inputs', nargs='+', metavar='INPUT', help=INPUTS_HELP)
    add.add_argument(
        '--root',
        metavar='FOLDER',
        help='ids are paths relative to this folder (default: the folder given)',
    )
    add_metadata_options(add)
    add.add_argument('--prune', action='store_true', help='remove images that are gone')

    remove = sub('remove', commands.remove, 'remove images', "people.gallery --where 'time<10'")
    remove.add_argument('ids', nargs='*', metavar='ID', help='of an image')
    remove.add_argument(
        '--where', **several, metavar='CONDITION', help='as of msvitreid search'
    )
    listing = sub(
        'list', commands.list_items, 'list images', 'people.gallery --where camera=c1'
    )
    listing.add_argument(
        '--where', **several, metavar='CONDITION', help='as of msvitreid search'
    )
    sub(
        'verify',
        commands.verify,
        'read everything and name what is damaged (exit code 1)',
        'people.gallery',
    )
    copy = sub(
        'copy',
        commands.copy,
        'copy a gallery; an interrupted copy is continued',
        'people.gallery backup.gallery',
    )
    copy.add_argument('target', metavar='TARGET', help='gallery to copy to')
    sub('compact', commands.compact, 'give back the space of removed images', 'people.gallery')
    build = sub(
        'build',
        commands.build,
        'build an approximate index, for msvitreid search --recall',
        'people.gallery --kind hnsw --min-recall 0.98',
    )
    build.add_argument('--kind', choices=['hnsw', 'ivf-sq8'], default='hnsw')
    build.add_argument(
        '--min-recall',
        type=float,
        default=0.95,
        metavar='R',
        help='smallest measured recall@10 with which it is kept (default: 0.95)',
    )
    reembed = sub(
        'reembed',
        commands.reembed,
        'embed the images of a gallery by another model, into a new gallery',
        'people.gallery new.gallery new_model.safetensors',
    )
    reembed.add_argument('target', metavar='NEW_GALLERY', help='gallery of the new model')
    reembed.add_argument('model', metavar='MODEL', help='the new model')
    reembed.add_argument(
        '--root', metavar='FOLDER', help='where the images are, if they were moved'
    )
    for one in (add, reembed):
        one.add_argument(
            '--commit-every',
            type=positive,
            default=512,
            metavar='N',
            help='images that a killed process loses at most (default: 512)',
        )
        add_model_options(one)
        add_error_option(one)
    for one in (add, copy, reembed):
        one.add_argument(
            '--precision',
            metavar='NAME',
            help='of a new gallery: float32 (default), float16 or int8',
        )
    for one in subs.choices.values():
        add_json_option(one)
    args = parser.parse_args(argv)
    if args.command == 'remove' and not (args.ids or args.where):
        remove.error('name an ID, or give --where')
    if args.command == 'remove' and args.ids and args.where:
        remove.error('an ID and --where cannot be combined')
    return args


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    finish(args, args.run)
