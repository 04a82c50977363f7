"""Image lists in CSV files: a user's own data without Python."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from msvitreid.errors import DatasetError

from .image_record import ImageRecord
from .listed_values import path_below, shown
from .name_numbers import number_names
from .text_files import read_text

REQUIRED = ('path', 'pid')
COLUMNS = (*REQUIRED, 'camid', 'split')
SPLITS = ('train', 'query', 'gallery', 'test')


class _Row(NamedTuple):
    """One image of a list; ``line`` is where it begins, '' stands for a missing column."""

    line: int
    path: str
    pid: str
    camid: str
    split: str


def read_csv(file: Path, root: Path, split: str) -> dict[str, list[ImageRecord]]:
    """Images of one split of a list with the columns path, pid and perhaps camid and split.

    The file is UTF-8; its first line names the columns, in any order. White space around a
    value does not belong to it. Identities and cameras may be called anything and are
    numbered over the whole file, so that they have the same numbers in every split; an
    empty camid is an unknown camera, -1 is refused. Without the column split, every image is in the
    split that is asked for.

    Args:
        file: The list.
        root: Folder that the paths are relative to and must not leave.
        split: 'train', 'query', 'gallery' or 'test'.

    Returns:
        The images of ``split``. 'test' stands for 'query' and 'gallery'; if the list says
        'test' itself, or nothing, for 'query' alone: its images search each other.

    Raises:
        DatasetError: the file cannot be read, or a line is not such a row.
    """
    rows = list(_read_rows(file))
    paths = _check_paths(file, root, rows)
    pids = number_names(row.pid for row in rows)
    camids = number_names(row.camid for row in rows if row.camid)
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


def _read_rows(file: Path) -> Iterator[_Row]:
    reader = csv.reader(io.StringIO(read_text(file), newline=''), strict=True)
    header: list[str] = []
    places: list[int] = []
    end = 0
    try:
        for fields in reader:
            line, end = end + 1, reader.line_num
            if not fields:
                continue
            if not header:
                header = [name.strip() for name in fields]
                _check_header(file, line, header)
                # A missing column is taken from behind the last field, where '' is put.
                places = [
                    header.index(name) if name in header else len(header) for name in COLUMNS
                ]
                continue
            if len(fields) != len(header):
                raise _error(
                    file, line, f'{len(fields)} fields, but the header names {len(header)}'
                )
            fields.append('')
            path, pid, camid, split = [fields[place].strip() for place in places]
            if (path, pid) == REQUIRED:
                raise _error(file, line, 'the header comes a second time')
            if not path or not pid:
                raise _error(file, line, f'the {"pid" if path else "path"} is empty')
            if '-1' in (pid, camid):
                # Elsewhere junk and an unknown camera; here it would be one name among others.
                advice = 'leave such images out' if pid == '-1' else 'leave the camera empty'
                raise _error(
                    file, line, f'-1 is no {"pid" if pid == "-1" else "camid"}: {advice}'
                )
            if split not in SPLITS and 'split' in header:
                raise _error(
                    file, line, f'split {shown(split)} is not one of {", ".join(SPLITS)}'
                )
            yield _Row(line, path, pid, camid, split)
    except csv.Error as error:
        raise _error(file, end + 1, f'not CSV ({error})') from error
    if not header:
        raise DatasetError(f'{file}: the list is empty; its first line must name the columns')


def _check_header(file: Path, line: int, header: list[str]) -> None:
    # An unknown column is refused: with 'cam' for 'camid' another protocol would be followed.
    unknown = [name for name in header if name not in COLUMNS]
    missing = [name for name in REQUIRED if name not in header]
    twice = sorted({name for name in header if header.count(name) > 1})
    problems = [
        f'{kind}: {shown(", ".join(names))}'
        for kind, names in (('unknown', unknown), ('missing', missing), ('twice', twice))
        if names
    ]
    if problems:
        raise DatasetError(
            f'{file}, line {line}: the header is {shown(",".join(header))}, which must name path '
            f'and pid and may name camid and split ({"; ".join(problems)}); mend it'
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
    return DatasetError(f'{file}, line {line}: {what}; mend or remove the line')
