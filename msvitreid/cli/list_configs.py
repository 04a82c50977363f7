"""Print the names of the configs that come with the package, as train and test take them."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from .running import make_parser


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = make_parser(
        'list-configs', __doc__, "example: msvitreid list-configs '*market1501'"
    )
    parser.add_argument(
        'pattern',
        nargs='?',
        default='*',
        metavar='PATTERN',
        help="a shell pattern of names, e.g. 'msvit-s_*' (default: all)",
    )
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)

    from msvitreid.apis import list_configs
    from msvitreid.errors import ConfigError

    names = list_configs(args.pattern)
    if not names:
        raise ConfigError(
            f'no config has a name like {args.pattern!r}; leave it out to see all'
        )
    sys.stdout.writelines(f'{name}\n' for name in names)
