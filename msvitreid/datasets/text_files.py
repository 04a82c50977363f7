from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from msvitreid.errors import DatasetError

from .listed_values import shown
from .regular_file import read_regular_file

T = TypeVar('T')


def read_text(path: Path) -> str:
    """A UTF-8 list file, its line ends as they are; a byte order mark is left out.

    Raises:
        DatasetError: the file cannot be read or is not UTF-8 text.
    """
    try:
        return read_regular_file(path).decode('utf-8-sig')
    except OSError as error:
        raise DatasetError(f'{path}: the list cannot be read ({error.strerror})') from error
    except UnicodeDecodeError as error:
        raise DatasetError(
            f'{path}: the list is not UTF-8 text (byte {error.start}); save it as such or '
            'download it again'
        ) from error


def read_lines(path: Path) -> list[str]:
    """Lines of a UTF-8 list file, without their ends.

    Raises:
        DatasetError: see :func:`read_text`.
    """
    return read_text(path).splitlines()


def parse_rows(
    path: Path, parse: Callable[..., T], form: str, unique: str, header: int = 0
) -> Iterator[T]:
    """``parse`` of the space-separated fields of every line that is not blank.

    Args:
        path: A UTF-8 list file.
        parse: Takes a line's fields, as many as ``form`` has; raises ValueError, saying
            why, for fields it cannot use.
        form: What a line holds, for counting fields and for people: ``'image vid'``.
        unique: The field that no two lines have alike.
        header: Lines to pass over at the top.

    Raises:
        DatasetError: see :func:`read_lines`; or a line is not of the form, or repeats another.
    """
    names = form.split()
    line_of: dict[str, int] = {}
    for number, line in enumerate(read_lines(path), start=1):
        fields = line.split()
        if number <= header or not fields:
            continue
        try:
            if len(fields) != len(names):
                raise ValueError(f'{len(fields)} fields instead of {len(names)}')
            row = parse(*fields)
            first = line_of.setdefault(fields[names.index(unique)], number)
            if first != number:
                raise ValueError(f'this {unique} is in line {first} already')
        except ValueError as error:
            raise DatasetError(
                f'{path}, line {number}: {shown(line)} is not {form!r} ({error}); mend or '
                'remove the line'
            ) from None
        yield row
