"""Keys of ``--cfg-options``: whether they lead anywhere, and which was meant."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mmengine.config import Config

from msvitreid.errors import ConfigError

#: Full keys named in an error.
MOST_KEYS = 4


def require_place(cfg: Config, key: str) -> None:
    """Check that an option's key passes through dicts, and items that lists have.

    Raises:
        ConfigError: it names an item that a list lacks, or something below a plain value.
    """
    node: Any = cfg.to_dict()
    parts = key.split('.')
    for number, part in enumerate(parts):
        above = '.'.join(parts[:number])
        if isinstance(node, dict):
            if part not in node:
                return
            node = node[part]
        elif isinstance(node, list):
            if not (part.isdecimal() and int(part) < len(node)):
                range_ = f'0 to {len(node) - 1}' if len(node) > 1 else '0'
                takes = f'the index of an item, {range_}' if node else 'no index'
                raise ConfigError(
                    f'option {key!r}: {above} is a list of length {len(node)} and takes {takes}, '
                    f'got {part!r}; to add an item give the whole list, {above}=[...]'
                )
            node = node[int(part)]
        else:
            raise ConfigError(
                f'option {key!r}: {above} is {node!r}, which has nothing below it; give it as a '
                f'whole, {above}=...'
            )


def with_full_paths(cfg: Config, key: str) -> str:
    """The end of an error: keys of the config that end in ``key``, or '' where none does."""
    found = [path for path in _paths(cfg.to_dict()) if path.endswith(f'.{key}')]
    if not found:
        return ''
    more = f' or {len(found) - MOST_KEYS} more' if len(found) > MOST_KEYS else ''
    return f'; did you mean {" or ".join(map(repr, found[:MOST_KEYS]))}{more}?'


def _paths(node: Any, above: str = '') -> Iterator[str]:
    """All dotted keys below a config's part, the shallow ones of each dict first."""
    if isinstance(node, dict):
        items = [(str(key), value) for key, value in node.items()]
    elif isinstance(node, list):
        items = [(str(number), value) for number, value in enumerate(node)]
    else:
        return
    for key, _ in items:
        yield f'{above}{key}'
    for key, value in items:
        yield from _paths(value, f'{above}{key}.')
