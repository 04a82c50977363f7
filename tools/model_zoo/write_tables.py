"""Write the tables of configs' pages from configs/*/metafile.yml.

model-index.yml names the metafiles, and the collections of each name its page. A table stands
between <!-- table: NAME --> and <!-- end of table -->: 'sizes', 'figures' and 'no figures',
where there are such.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from metafiles.blocks import fill_blocks
from metafiles.reading import read_index
from metafiles.tables import tables_of

from msvitreid.cli.running import run_tool
from msvitreid.errors import ConfigError
from msvitreid.utils.files import write_text_atomically

ROOT = Path(__file__).parents[2]


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        '--check', action='store_true', help='write nothing; a stale table is an error'
    )
    parser.add_argument(
        '--root',
        type=Path,
        default=ROOT,
        metavar='FOLDER',
        help='a checkout (default: the one this tool is in)',
    )
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    for metafile in read_index(args.root):
        page = metafile.page
        if not (args.root / page).is_file():
            raise ConfigError(f'{page} does not exist, and {metafile.path} names it')
        text = (args.root / page).read_text(encoding='utf-8')
        filled, stale = fill_blocks(text, tables_of(metafile), str(page))
        names = ' and '.join(map(repr, stale))
        if stale and args.check:
            raise ConfigError(
                f'{page}: its table {names} is not what {metafile.path} gives; run '
                'python tools/model_zoo/write_tables.py'
            )
        if stale:
            write_text_atomically(args.root / page, filled)
            print(f'{page}: {names} written')
    if args.check:
        print('all tables are what their metafiles give')


if __name__ == '__main__':
    run_tool(main)
