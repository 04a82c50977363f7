"""Pictures of what a net does: rankings, curves, attention, parts, a map of embeddings, cameras."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from msvitreid.cli.running import make_parser, quiet_log

from .cameras import add_cameras
from .cameras import draw as draw_cameras
from .curves import add_curves, check_curves
from .curves import draw as draw_curves
from .embedding_map import add_map, check_map
from .embedding_map import draw as draw_map
from .nets import add_attention, add_parts, draw_attention_of, draw_parts_of
from .ranking import add_ranking
from .ranking import draw as draw_ranking

EPILOG = """\
CONFIG is a config's name or path, CHECKPOINT its weights or a model file, MODEL a model file.
The suffix of --out says what is written: .png, .jpg or .pdf. docs/en/pictures.md says what the
pictures show.

examples:
  msvitreid show ranking msvit-s_market1501 averaged.pth --queries worst --out worst.png
  msvitreid show ranking people.gallery --out found.png
  msvitreid show attention model.safetensors a.jpg --token 12,4 --occlude --out attention.png
  msvitreid show parts model.safetensors a.jpg b.jpg --out parts.png
"""


class Picture(NamedTuple):
    """A kind of picture: its arguments, what draws it, and what argparse cannot check."""

    add: Callable[[Any], None]
    draw: Callable[[argparse.Namespace], list[str]]
    check: Callable[[argparse.ArgumentParser, argparse.Namespace], None] = lambda parser, args: (
        None
    )


PICTURES = {
    'ranking': Picture(add_ranking, draw_ranking),
    'curves': Picture(add_curves, draw_curves, check_curves),
    'attention': Picture(add_attention, draw_attention_of),
    'parts': Picture(add_parts, draw_parts_of),
    'map': Picture(add_map, draw_map, check_map),
    'cameras': Picture(add_cameras, draw_cameras),
}


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = make_parser('show', __doc__, EPILOG)
    kinds = parser.add_subparsers(dest='what', metavar='WHAT', required=True)
    for picture in PICTURES.values():
        picture.add(kinds)
    args = parser.parse_args(argv)
    PICTURES[args.what].check(parser, args)
    return args


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)

    from msvitreid.utils.files import require_suffix, require_writable
    from msvitreid.visualization.style import FORMATS

    require_suffix(args.out, FORMATS, '--out')
    require_writable(args.out)
    quiet_log('show')
    written = PICTURES[args.what].draw(args)
    print('\n'.join(written))
