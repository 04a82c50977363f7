from __future__ import annotations

import re
from collections.abc import Mapping

from msvitreid.errors import ConfigError

BLOCK = re.compile(
    r'<!-- table: (?P<name>.+?) -->\n(?P<table>.*?)<!-- end of table -->', re.DOTALL
)


def fill_blocks(text: str, tables: Mapping[str, str], file: str) -> tuple[str, list[str]]:
    """Put tables into a page, each between ``<!-- table: NAME -->`` and ``<!-- end of table -->``.

    Args:
        text: the page.
        tables: by name; the page must have a block for each and no other.
        file: the page's name, for errors.

    Returns:
        the new page, and the names of the tables that were not as they are now.

    Raises:
        ConfigError: a block is missing, there twice, or of a table that does not exist.
    """
    names = [block['name'] for block in BLOCK.finditer(text)]
    for name in sorted({*names, *tables}):
        if names.count(name) != 1 and name in tables:
            raise ConfigError(
                f'{file} has {names.count(name)} blocks for the table {name!r}; write one: '
                f'<!-- table: {name} --> and, on a line below, <!-- end of table -->'
            )
        if name not in tables:
            raise ConfigError(
                f'{file} has a block for the table {name!r}, which its metafile.yml does not '
                f'give; it gives {", ".join(map(repr, tables))}'
            )
    stale = []

    def fill(block: re.Match[str]) -> str:
        new = f'<!-- table: {block["name"]} -->\n{tables[block["name"]]}\n<!-- end of table -->'
        if new != block[0]:
            stale.append(block['name'])
        return new

    return BLOCK.sub(fill, text), stale
