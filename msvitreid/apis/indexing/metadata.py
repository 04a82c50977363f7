"""Columns of metadata for images: from a CSV table, and from their names."""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from msvitreid.datasets.readers.listed_values import path_below, shown
from msvitreid.datasets.readers.text_files import read_text
from msvitreid.errors import ConfigError, DatasetError, GalleryError
from msvitreid.gallery.where import OWN_COLUMNS, check_column

from .files import ListedImages

SEPARATORS = ',;\t'
WHOLE = re.compile(r'-?(0|[1-9][0-9]{0,17})')
NUMBER = re.compile(r'-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?')
# What programs write for a missing or impossible number.
NO_NUMBER = {'nan', 'inf', '+inf', '-inf', 'infinity', 'none', 'null', 'na', 'n/a', '#n/a'}

Columns = dict[str, dict[str, Any]]
"""Metadata by id; None stands for a column that an image does not have."""


class MetadataTable(NamedTuple):
    """Metadata of listed images.

    Attributes:
        columns: metadata by id.
        kinds: of each column, ``number`` or ``text``.
        unknown: paths in the table that are no listed image.
        without: ids of listed images that the table lacks.
    """

    columns: Columns
    kinds: dict[str, str]
    unknown: list[str]
    without: list[str]


class _Line(NamedTuple):
    number: int
    path: str
    cells: list[str]


def read_metadata_table(file: str | os.PathLike[str], listed: ListedImages) -> MetadataTable:
    """Metadata from a CSV table with the column ``path`` and any others.

    The first line names the columns, separated by commas, semicolons or tabs; the file is
    UTF-8, or UTF-16 with a byte order mark. A path is an id, or the whole path of an image. A
    column is one of numbers if all its cells are such, and else one of texts (``007`` is a
    text); an empty cell is a column that the image does not have.

    Raises:
        DatasetError: the file is no such table; the line is named.
    """
    path = Path(file)
    header, lines = _read(path)
    ids = _ids(path, lines, listed)
    kinds, values = {}, {}
    for place, column in enumerate(header):
        kinds[column], values[column] = _typed(path, column, lines, place)
    known = {image.id for image in listed.files}
    columns: Columns = {}
    unknown = []
    for row, (id_, line) in enumerate(zip(ids, lines, strict=True)):
        if id_ in known:
            columns[id_] = {column: values[column][row] for column in header}
        else:
            unknown.append(line.path)
    return MetadataTable(columns, kinds, unknown, sorted(known - columns.keys()))


def columns_from_names(listed: ListedImages, patterns: Mapping[str, str | None]) -> Columns:
    """Metadata from the ids of images, as texts.

    Args:
        listed: the images.
        patterns: for each column a regular expression that is searched in the id; its first
            group is the value, or all of it if it has no group. None is left out.

    Raises:
        ConfigError: no regular expression, or one that is found in no id.
    """
    columns: Columns = {image.id: {} for image in listed.files}
    for column, pattern in patterns.items():
        if pattern is None:
            continue
        for id_, value in zip(columns, texts_from(pattern, columns, column), strict=True):
            if value is not None:
                columns[id_][column] = value
        if columns and not any(column in one for one in columns.values()):
            raise ConfigError(
                f'the pattern {pattern!r} for {column} is found in no image, e.g. not in '
                f'{next(iter(columns))!r}'
            )
    return columns


def texts_from(
    pattern: str, names: Sequence[str] | Mapping[str, Any], column: str
) -> list[Any]:
    """What a regular expression finds in each name, None where it does not; see above.

    Raises:
        ConfigError: it is none.
    """
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise ConfigError(
            f'the pattern {pattern!r} for {column} is no regular expression ({error})'
        ) from error
    found = [compiled.search(name) for name in names]
    return [None if one is None else one[1 if compiled.groups else 0] or None for one in found]


def joined_columns(*parts: Columns) -> Columns:
    """Metadata by id of several sources, the later over the earlier."""
    joined: Columns = {}
    for part in parts:
        for id_, columns in part.items():
            joined[id_] = {**joined.get(id_, {}), **columns}
    return joined


def _read(file: Path) -> tuple[list[str], list[_Line]]:
    """The columns but ``path``, and the lines without it."""
    text = read_text(file)
    first = next((line for line in io.StringIO(text, newline=None) if line.strip()), '')
    separator = max(SEPARATORS, key=first.count)
    rows = _rows(file, text, separator)
    line, fields = next(rows, (1, []))
    header = [name.strip() for name in fields]
    lowered = [name.lower() for name in header]
    if lowered.count('path') != 1:
        raise _error(file, line, "the header must name one column 'path'")
    place = lowered.index('path')
    del header[place]
    for name in header:
        try:
            check_column(name)
        except GalleryError as error:
            raise _error(file, line, str(error)) from None
        if name in OWN_COLUMNS or header.count(name) > 1:
            raise _error(
                file, line, f'{shown(name)} is no name for a column, or is there twice'
            )
    lines = []
    for number, cells in rows:
        if len(cells) != len(header) + 1:
            raise _error(
                file, number, f'{len(cells)} fields, but the header names {len(header) + 1}'
            )
        path = cells.pop(place).strip()
        if not path:
            raise _error(file, number, 'the path is empty')
        lines.append(_Line(number, path, [cell.strip() for cell in cells]))
    return header, lines


def _rows(file: Path, text: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text, newline=''), delimiter=separator, strict=True)
    end = 0
    try:
        for fields in reader:
            start, end = end + 1, reader.line_num
            if fields:
                yield start, fields
    except csv.Error as error:
        raise _error(file, end + 1, f'not CSV ({error})') from error


def _ids(file: Path, lines: list[_Line], listed: ListedImages) -> list[str]:
    """The id that each line means, whether it is that of an image or not."""
    id_of = {image.path: image.id for image in listed.files}
    line_of: dict[str, int] = {}
    for line in lines:
        try:
            whole = path_below(
                Path('/' if os.path.isabs(line.path) else listed.base), line.path
            )
        except ValueError as error:
            raise _error(file, line.number, str(error)) from None
        relative = os.path.relpath(whole, listed.base).replace(os.sep, '/')
        id_ = id_of.get(whole, relative)
        if line_of.setdefault(id_, line.number) != line.number:
            raise _error(
                file, line.number, f'path {shown(line.path)} is in line {line_of[id_]} already'
            )
    return list(line_of)


def _typed(file: Path, column: str, lines: list[_Line], place: int) -> tuple[str, list[Any]]:
    """Whether a column is of numbers, and its values."""
    cells = [line.cells[place] for line in lines]
    given = [cell for cell in cells if cell]
    numbers = sum(NUMBER.fullmatch(cell) is not None for cell in given)
    missing = [cell for cell in given if cell.lower() in NO_NUMBER]
    if numbers and missing and numbers + len(missing) == len(given):
        line = next(line for line in lines if line.cells[place] == missing[0])
        raise _error(
            file,
            line.number,
            f'{column} is {shown(missing[0])} in a column of numbers; leave the cell empty',
            '',
        )
    if not given or numbers < len(given):
        return 'text', [cell or None for cell in cells]
    values = [parse_number(cell) if cell else None for cell in cells]
    for line, value in zip(lines, values, strict=True):
        if isinstance(value, float) and abs(value) == float('inf'):
            raise _error(
                file, line.number, f'{column} is {shown(line.cells[place])}, too large'
            )
    return 'number', values


def parse_number(cell: str) -> int | float:
    """The number of a text that :data:`NUMBER` matches."""
    return int(cell) if WHOLE.fullmatch(cell) else float(cell)


def _error(
    file: Path, line: int, what: str, advice: str = '; correct or remove the line'
) -> DatasetError:
    return DatasetError(f'{file}, line {line}: {what}{advice}')
