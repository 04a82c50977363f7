"""Print the config that runs: bases merged, options set, shared values repeated.

With --diff, print what differs from another config instead, one line per key.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from msvitreid.cli.running import add_config_argument, add_config_options, make_parser
from msvitreid.utils.printable import aligned

if TYPE_CHECKING:
    from msvitreid.utils.config_diff import Difference


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = make_parser('print-config', __doc__)
    add_config_argument(parser)
    parser.add_argument(
        '--diff',
        metavar='OTHER',
        help='another config, to which --cfg-options do not apply; the same one shows '
        'what the options change',
    )
    parser.add_argument(
        '--out',
        type=Path,
        metavar='FILE.py',
        help='write the config there (default: print it)',
    )
    add_config_options(parser)
    args = parser.parse_args(argv)
    if args.out is not None and args.out.suffix != '.py':
        parser.error(f"--out must name a .py file, got '{args.out}'")
    return args


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)

    from msvitreid.engine import complete_config, load_config
    from msvitreid.utils.config_diff import config_diff
    from msvitreid.utils.config_files import find_config
    from msvitreid.utils.files import write_text_atomically

    cfg = complete_config(load_config(find_config(args.config), args.cfg_options))
    if args.out is not None:
        write_text_atomically(args.out, cfg.pretty_text)
    if args.diff is not None:
        other = complete_config(load_config(find_config(args.diff)))
        differences = config_diff(cfg.to_dict(), other.to_dict())
        print(as_table(differences, args.config, args.diff))
    elif args.out is None:
        print(cfg.pretty_text, end='')


def as_table(differences: Sequence[Difference], left: str, right: str) -> str:
    """A line a key, in aligned columns under the names of both sides."""
    if not differences:
        return 'no difference'
    return aligned([('', left, right), *differences], text=True)
