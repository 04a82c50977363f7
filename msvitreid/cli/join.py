"""Join model files: one net whose embedding is that of all of them, side by side.

Nets that differ, such as one from scratch and one from ImageNet weights, may find more together
than each by itself, for the time of both. They must prepare images alike, by the same size and
transforms. The result is a model file like any other.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from .image_options import NOT_DONE, Done, finish
from .running import make_parser

EXAMPLE = """\
example:
  msvitreid join scratch.safetensors imagenet.safetensors --out both.safetensors
  msvitreid test own-person-128x64 both.safetensors --data-root data/my-crops/split.csv
"""


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = make_parser('join', __doc__, EXAMPLE, f'exit codes:\n  0  done\n{NOT_DONE}')
    parser.add_argument('models', nargs='+', metavar='MODEL', help='model files, two or more')
    parser.add_argument(
        '--out', required=True, metavar='FILE.safetensors', help='the model file to write'
    )
    args = parser.parse_args(argv)
    if len(args.models) < 2:
        parser.error('two model files or more can be joined')
    return args


def main(argv: Sequence[str] | None = None) -> None:
    finish(parse_args(argv), join)


def join(args: argparse.Namespace) -> Done:
    from msvitreid.checkpoints.model_file import SUFFIX
    from msvitreid.models.joining import join_model_files
    from msvitreid.utils.files import require_suffix

    require_suffix(args.out, [SUFFIX], '--out')
    found = join_model_files(args.models, args.out)
    return Done({}, f'{len(args.models)} nets joined in {args.out}; fingerprint {found}')
