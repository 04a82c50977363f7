"""Image lists in CSV files: a user's own data without Python."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from msvitreid.datasets.image_record import ImageRecord
from msvitreid.errors import DatasetError

from .id_names import IdNames
from .listed_values import path_below, shown
from .spellings import (
    describe_spellings,
    find_two_spellings,
    number_names,
    stands_for_nothing,
)
from .text_files import read_text

REQUIRED = ('path', 'pid')
COLUMNS = (*REQUIRED, 'camid', 'split')
SPLITS = ('train', 'query', 'gallery', 'test')
# What some programs write first to tell Excel the separator; it is no header.
SEPARATOR_LINE = re.compile(r'"?sep=([,;\t])"?[\r\n]', re.IGNORECASE)
# What pandas calls the index of a list that it has written and read.
PANDAS_INDEX = 'Unnamed: 0'
# Of a name that is not ASCII.
LONGEST_NAME = 1000
# What to do about a name that stands for none.
INSTEAD = {'pid': 'leave such images out', 'camid': 'leave the camera empty'}
# A header is right with one of them at most, as no column's name holds any.
SEPARATORS = {',': 'comma', ';': 'semicolon', '\t': 'tab', ' ': 'space', '|': 'bar'}
# The others are recognized only, for the error.
READ_SEPARATORS = (',', ';', '\t')


class _Row(NamedTuple):
    """One image of a list; ``line`` is where it begins, '' stands for a missing column."""

    line: int
    path: str
    pid: str
    camid: str
    split: str


def read_csv(
    file: Path, root: Path, split: str, id_names: IdNames | None = None
) -> dict[str, list[ImageRecord]]:
    """Images of one split of a list with the columns path, pid and perhaps camid and split.

    The file is UTF-8, or UTF-16 with a byte order mark; its first line names the columns, in
    any order and case, separated by commas, semicolons or tabs; a line ``sep=;`` for Excel may
    come before it. White space around a value does not belong to it. Identities and cameras may
    be called anything and are numbered over the whole file, so that they have the same numbers in
    every split. A name has one spelling (not ``1`` and ``01``); an empty camid is an unknown
    camera, and what programs write for a missing value (``nan``, ``-1``) is refused. Without the
    column split, every image is in the split that is asked for.

    Args:
        file: The list.
        root: Folder that the paths are relative to and must not leave.
        split: 'train', 'query', 'gallery' or 'test'.
        id_names: Takes the names of identities and cameras.

    Returns:
        The images of ``split``. 'test' stands for 'query' and 'gallery'; if the list says
        'test' itself, or nothing, for 'query' alone: its images search each other.

    Raises:
        DatasetError: the file cannot be read, or a line is not such a row.
    """
    rows = list(_read_rows(file))
    paths = _check_paths(file, root, rows)
    pids = _number(file, 'pid', rows)
    camids = _number(file, 'camid', rows)
    if id_names is not None:
        id_names.update(pids, camids)
    records: dict[str, list[ImageRecord]] = {name: [] for name in (*SPLITS, '')}
    for row, path in zip(rows, paths, strict=True):
        records[row.split].append(
            ImageRecord(path, pids[row.pid], camids[row.camid] if row.camid else -1)
        )
    if records['']:
        return {'query' if split == 'test' else split: records['']}
    if records['test']:
        _refuse_mixture(file, rows)
        records['query'] = records['test']
    if split != 'test':
        return {split: records[split]}
    parts = ('query',) if records['test'] else ('query', 'gallery')
    return {part: records[part] for part in parts}


def has_splits(file: Path) -> bool:
    """Whether a list says to which split its images belong.

    Raises:
        DatasetError: see :func:`read_csv`.
    """
    return any(row.split for row in _read_rows(file))


def _read_rows(file: Path) -> Iterator[_Row]:
    text = read_text(file)
    separator = _find_separator(text)
    reader = csv.reader(io.StringIO(text, newline=''), delimiter=separator, strict=True)
    header: list[str] = []
    places: list[int] = []
    end = 0
    try:
        for fields in reader:
            line, end = end + 1, reader.line_num
            if not fields or (line == 1 and SEPARATOR_LINE.match(text)):
                continue
            if not header:
                _check_header(file, line, [name.strip() for name in fields], separator)
                header = [name.strip().lower() for name in fields]
                # A missing column is taken from behind the last field, where '' is put.
                places = [
                    header.index(name) if name in header else len(header) for name in COLUMNS
                ]
                continue
            if len(fields) != len(header):
                what = f'{len(fields)} fields, but the header names {len(header)}'
                raise _error(file, line, what + _other_separator(fields, len(header)))
            fields.append('')
            path, pid, camid, split = [fields[place].strip() for place in places]
            if (path.lower(), pid.lower()) == REQUIRED:
                raise _error(file, line, 'the header comes a second time')
            if not path or not pid:
                raise _error(file, line, f'the {"pid" if path else "path"} is empty')
            if split.lower() not in SPLITS and 'split' in header:
                raise _error(
                    file, line, f'split {shown(split)} is not one of {", ".join(SPLITS)}'
                )
            yield _Row(line, path, pid, camid, split.lower())
    except csv.Error as error:
        raise _error(file, end + 1, f'not CSV ({error})') from error
    if not header:
        raise DatasetError(f'{file}: the list is empty; its first line must name the columns')


def _find_separator(text: str) -> str:
    """The character by which the first line names most columns, or else has most fields."""
    stated = SEPARATOR_LINE.match(text)
    if stated:
        return stated[1]
    first = next((line for line in io.StringIO(text, newline=None) if line.strip()), '')

    def score(separator: str) -> tuple[int, int]:
        names = {name.strip(' \t\n"').lower() for name in first.split(separator)} & {*COLUMNS}
        if separator not in READ_SEPARATORS and not names.issuperset(REQUIRED):
            return -1, 0
        return len(names), first.count(separator)

    return max(SEPARATORS, key=score)


def _other_separator(fields: list[str], count: int) -> str:
    """A remark on a line that has ``count`` fields if it is separated otherwise."""
    for separator in READ_SEPARATORS:
        if len(fields) == 1 and len(fields[0].split(separator)) == count:
            return f' (it looks {SEPARATORS[separator]}-separated, unlike the header)'
    return ''


def _check_header(file: Path, line: int, header: list[str], separator: str) -> None:
    # An unknown column is refused: with 'cam' for 'camid' another protocol would be followed.
    count = Counter(name.lower() for name in header)
    nameless = [str(place) for place, name in enumerate(header, start=1) if not name]
    unknown = [name for name in dict.fromkeys(header) if name and name.lower() not in COLUMNS]
    missing = [name for name in REQUIRED if name not in count]
    twice = sorted(name for name in count if name and count[name] > 1)
    problems = [
        f'{kind}: {shown(", ".join(names))}'
        for kind, names in (('unknown', unknown), ('missing', missing), ('twice', twice))
        if names
    ]
    if nameless:
        problems.insert(0, f'column {shown(", ".join(nameless))[1:-1]} has no name')
    if '' in header[:1] or PANDAS_INDEX in header:
        problems.append('pandas leaves its index out with to_csv(index=False)')
    if separator not in READ_SEPARATORS:
        problems.append('columns must be separated by commas, semicolons or tabs')
    if problems:
        if separator != ',':
            problems.insert(0, f'it looks like a {SEPARATORS[separator]}-separated file')
        raise DatasetError(
            f'{file}, line {line}: the header is {shown(separator.join(header))}, which must '
            f'name path and pid and may name camid and split ({"; ".join(problems)}); correct '
            'it'
        )


def _check_paths(file: Path, root: Path, rows: list[_Row]) -> list[str]:
    """Paths of the images; an error if one lies outside of ``root`` or comes twice."""
    line_of: dict[str, int] = {}
    for row in rows:
        try:
            first = line_of.setdefault(path_below(root, row.path), row.line)
        except ValueError as error:
            raise _error(file, row.line, str(error)) from None
        if first != row.line:
            raise _error(file, row.line, f'path {shown(row.path)} is in line {first} already')
    return list(line_of)


def _number(file: Path, column: str, rows: list[_Row]) -> dict[str, int]:
    """Numbers of the names in a column, in which '' is none."""
    line_of: dict[str, int] = {}
    for row in rows:
        line_of.setdefault(getattr(row, column), row.line)
    line_of.pop('', None)
    for name, line in line_of.items():
        # First: normalizing takes the square of the number of combining marks.
        if len(name) > LONGEST_NAME and not name.isascii():
            raise _error(
                file,
                line,
                f'a {column} of {len(name):,} characters, more than {LONGEST_NAME:,}',
            )
        if stands_for_nothing(name):
            # repr without its quotes: what cannot be printed is escaped.
            raise _error(file, line, f'{shown(name)[1:-1]} is no {column}: {INSTEAD[column]}')
    spellings = find_two_spellings(line_of)
    if spellings is not None:
        earlier, name = spellings
        raise _error(
            file,
            line_of[name],
            f'the {column}s {describe_spellings(*spellings)} (the latter in line '
            f'{line_of[earlier]}): write each name in one way',
        )
    return number_names(line_of)


def _refuse_mixture(file: Path, rows: list[_Row]) -> None:
    for row in rows:
        if row.split in ('query', 'gallery'):
            raise _error(
                file,
                row.line,
                f"split {row.split!r} in a list that has 'test' too, whose images search each "
                'other',
            )


def _error(file: Path, line: int, what: str) -> DatasetError:
    return DatasetError(f'{file}, line {line}: {what}; correct or remove the line')
