from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from msvitreid.errors import DatasetError
from msvitreid.utils.regular_file import read_regular_file

from .listed_values import shown

T = TypeVar('T')

UTF32_MARKS = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)
UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
# No list has any, but for tabs and line ends; a terminal obeys some of them.
CONTROL = re.compile('[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]')
LINE_END = re.compile(r'\r\n?|\n')
# First bytes of files that people take for lists.
OTHER_FORMATS = {
    b'PK\x03\x04': 'a spreadsheet (.xlsx, .ods) or zip archive',
    b'\xd0\xcf\x11\xe0': 'an Excel file (.xls)',
    b'\x1f\x8b': 'a gzip archive',
    b'PAR1': 'a Parquet file',
}


def read_text(path: Path) -> str:
    """A list file in UTF-8, or in UTF-16 with a byte order mark; the mark is left out.

    Line ends stay as they are.

    Raises:
        DatasetError: the file cannot be read, is not such text, or has a control character.
    """
    try:
        content = read_regular_file(path)
    except OSError as error:
        raise DatasetError(f'{path}: the list cannot be read ({error.strerror})') from error
    if looks := _other_format(content):
        raise DatasetError(f'{path}: the list looks like {looks}; save it as UTF-8 text')
    try:
        text = content.decode('utf-16' if content.startswith(UTF16_MARKS) else 'utf-8-sig')
    except UnicodeDecodeError as error:
        raise DatasetError(
            f'{path}: the list is not {error.encoding.upper()} text (byte {error.start}); save '
            'it as such or download it again'
        ) from error
    if control := CONTROL.search(text):
        line = len(LINE_END.findall(text, 0, control.start())) + 1
        raise DatasetError(
            f'{path}, line {line}: the list has a control character, {shown(control[0])}; '
            'remove it or write the list again'
        )
    return text


def _other_format(content: bytes) -> str:
    for magic, what in OTHER_FORMATS.items():
        if content.startswith(magic):
            return what
    # A list begins with a printable character, which UTF-32 pads to four bytes, UTF-16 to two.
    if content.startswith(UTF32_MARKS) or content[:4].count(0) == 3:
        return 'UTF-32'
    return 'UTF-16 without a byte order mark' if content[:2].count(0) == 1 else ''


def read_lines(path: Path) -> list[str]:
    """Lines of a list file, without their ends.

    Raises:
        DatasetError: see :func:`read_text`.
    """
    return read_text(path).splitlines()


def parse_rows(
    path: Path, parse: Callable[..., T], form: str, unique: str, header: int = 0
) -> Iterator[T]:
    """``parse`` of the space-separated fields of every line that is not blank.

    Args:
        path: A list file; see :func:`read_text`.
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
                f'{path}, line {number}: {shown(line)} is not {form!r} ({error}); '
                'correct or remove the line'
            ) from None
        yield row
