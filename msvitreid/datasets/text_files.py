from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from msvitreid.errors import DatasetError

from .file_states import note_read

T = TypeVar('T')


def read_text(path: Path) -> str:
    """A UTF-8 list file, its line ends as they are; a byte order mark is left out.

    Raises:
        DatasetError: the file cannot be read or is not UTF-8 text.
    """
    note_read(path)
    try:
        return path.read_bytes().decode('utf-8-sig')
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


def parse_rows(path: Path, parse: Callable[..., T], form: str, header: int = 0) -> Iterator[T]:
    """``parse`` of the space-separated fields of every line that is not blank.

    Args:
        path: A UTF-8 list file.
        parse: Takes a line's fields, as many as ``form`` has; raises ValueError for
            fields it cannot use.
        form: What a line holds, for counting fields and for people: ``'image vid'``.
        header: Lines to pass over at the top.

    Raises:
        DatasetError: see :func:`read_lines`; or a line is not of the form.
    """
    for number, line in enumerate(read_lines(path), start=1):
        fields = line.split()
        if number <= header or not fields:
            continue
        try:
            if len(fields) != len(form.split()):
                raise ValueError('wrong number of fields')
            row = parse(*fields)
        except ValueError:
            raise DatasetError(
                f'{path}, line {number}: {line!r} is not {form!r}; mend or remove the line'
            ) from None
        yield row
