"""Conditions of a search as text, and the columns that a gallery has for them."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Sequence
from typing import Any

from msvitreid.errors import ConfigError, GalleryError
from msvitreid.gallery import GalleryStore
from msvitreid.gallery.where import check_column
from msvitreid.utils.near_names import did_you_mean
from msvitreid.utils.printable import printable

from .metadata import NUMBER, parse_number

_CONDITION = re.compile(r'([^<>=]*)(<=|>=|=|<|>)(.*)', re.DOTALL)


def parse_conditions(texts: Sequence[str]) -> dict[str, Any]:
    """``where`` of a search from texts such as ``camera=c1,c2`` and ``time>=10``.

    A value that looks like a number stands for the number and for the text; ``true`` and
    ``false`` likewise; nothing, as in ``camera=``, for an item without the column. Values with
    commas are quoted, ``id="a,b.jpg"``.

    Raises:
        ConfigError: a text is no condition, or contradicts another one.
    """
    where: dict[str, Any] = {}
    for text in texts:
        match = _CONDITION.fullmatch(text)
        if match is None or not match[1].strip() or match[3][:1] in ('=', '<', '>'):
            raise ConfigError(
                f'{printable(text)!r} is no condition; write COLUMN=VALUE,VALUE or COLUMN>=NUMBER '
                '(also <=, <, >; in quotes in a shell)'
            )
        column, operator, value = match[1].strip(), match[2], match[3].strip()
        try:
            check_column(column)
        except GalleryError as error:
            raise ConfigError(f'{printable(text)!r}: {error}') from None
        if operator != '=':
            if not value:
                raise ConfigError(f'{printable(text)!r} compares with nothing; give a number')
            chosen = where.setdefault(column, {})
            known = isinstance(chosen, dict) and operator not in chosen
            if known:
                chosen[operator] = parse_number(value) if NUMBER.fullmatch(value) else value
        else:
            known = column not in where
            where[column] = _alternatives(text, value)
        if not known:
            raise ConfigError(
                f'{printable(text)!r}: there is a condition on {column!r} already; separate '
                'values by commas'
            )
    return where


def require_columns(gallery: GalleryStore, columns: Iterable[str]) -> None:
    """Check that at least one item has each of the columns.

    A condition, a group or an exclusion of a column that no item has would silently do nothing.

    Raises:
        ConfigError: no item has one of them.
    """
    total = len(gallery)
    for column in columns:
        if not total or column in ('id', 'hash') or gallery.count({column: None}) < total:
            continue
        known = {'id', 'hash'}
        known.update(
            name for item in next(gallery.scan(embeddings=False), []) for name in item.metadata
        )
        raise ConfigError(
            f'no item of the gallery has a column {column!r}{did_you_mean(column, known)}; '
            f'there are {printable(", ".join(sorted(known)))}'
        )


def _alternatives(text: str, value: str) -> list[Any]:
    if not value:
        return [None]
    try:
        (cells,) = csv.reader([value], strict=True, skipinitialspace=True)
    except (csv.Error, ValueError) as error:
        raise ConfigError(
            f'{printable(text)!r} has values that cannot be read ({error})'
        ) from None
    found: list[Any] = []
    for cell in cells:
        found.append(cell)
        if NUMBER.fullmatch(cell):
            found.append(parse_number(cell))
        elif cell in ('true', 'false'):
            found.append(cell == 'true')
    return found
