"""The columns of a gallery's metadata, for the page to offer."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any

from msvitreid.errors import ConfigError
from msvitreid.gallery import GalleryStore

#: Items that are read to find the columns, and values of a column that are listed.
MOST_ITEMS, MOST_VALUES = 10_000, 50
SECONDS = 60


class Columns:
    """Columns with their commonest kinds and values, of the first items by id.

    They are read again after a minute.
    """

    def __init__(self, gallery: GalleryStore) -> None:
        self._gallery = gallery
        self._known: tuple[float, dict[str, Any]] | None = None

    def facts(self) -> dict[str, Any]:
        """``columns``: values by column, none for one that has many; ``columns_of``: items."""
        if self._known is not None and time.monotonic() - self._known[0] < SECONDS:
            return self._known[1]
        values: dict[str, set[Any]] = {}
        looked_at = 0
        for batch in self._gallery.scan(embeddings=False):
            for item in batch:
                for column, value in shown(item.metadata).items():
                    found = values.setdefault(column, set())
                    is_plain = value is not None and isinstance(value, str | int | float)
                    if is_plain and len(found) <= MOST_VALUES:
                        found.add(value)
            looked_at += len(batch)
            if looked_at >= MOST_ITEMS:
                break
        facts = {
            'columns': {
                # Of a column with many, such as a time, none is listed.
                name: sorted(found, key=lambda v: (isinstance(v, str), v))
                if len(found) <= MOST_VALUES
                else []
                for name, found in sorted(values.items())
            },
            'columns_of': looked_at,
        }
        self._known = time.monotonic(), facts
        return facts


HIDDEN = 'path'
"""The column with paths of files, which are the server's business."""


def require_shown(columns: Iterable[str]) -> None:
    """Check that clients may ask for these columns.

    A condition such as ``path>=/home/m`` would give a path away, a letter at a time.

    Raises:
        ConfigError: one of them is hidden.
    """
    if HIDDEN in columns:
        raise ConfigError(
            f'the server does not compare the column {HIDDEN!r}; use id, or another one'
        )


def shown(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Metadata without what only this machine should know, and what is given elsewhere."""
    return {
        name: value for name, value in metadata.items() if name not in ('path', 'id', 'hash')
    }
