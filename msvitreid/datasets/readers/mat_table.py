"""Tables of MATLAB files, level 5.

Not by :func:`scipy.io.loadmat`, which believes what a file declares: 200 bytes can make it
allocate 8 GB, and of some thousand damaged files of 700 bytes several end the process with a
segmentation fault (SciPy 1.17.1), which no ``except`` catches.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Sequence
from typing import Any

# Of a file written where the lowest byte comes first, as everywhere today.
LEVEL_5 = b'\x00\x01IM'
HEADER = 128
MAX_INFLATED = 2**26

# Types of the format's elements.
INT32, MATRIX, COMPRESSED = 5, 14, 15
NUMBERS = {1: 'b', 2: 'B', 3: 'h', 4: 'H', 5: 'i', 6: 'I', 7: 'f', 9: 'd', 12: 'q', 13: 'Q'}
TEXTS = {1: 'ascii', 2: 'latin-1', 4: 'utf-16-le', 16: 'utf-8', 17: 'utf-16-le'}
# Classes of its arrays; from double on they are numbers.
STRUCT, CHAR, DOUBLE = 2, 4, 6


def read_mat_table(
    content: bytes, variable: str, fields: Sequence[str]
) -> list[tuple[str | float, ...]]:
    """Some fields of every element of a struct array, each a text or a single number.

    Args:
        content: A MATLAB file, compressed or not.
        variable: The struct array's name.
        fields: Names of its fields.

    Raises:
        ValueError: there is no such array, or the file is damaged.
    """
    if content[HEADER - 4 : HEADER] != LEVEL_5:
        raise ValueError('it is no MATLAB file of level 5, lowest byte first')
    file = _Elements(content[HEADER:])
    while file.left:
        kind, data = file.take()
        if kind == COMPRESSED:
            kind, data = _Elements(_inflate(data)).take()
        if kind == MATRIX and data:
            array = _Array(data)
            if array.kind == STRUCT and array.name == variable.encode():
                return _read_rows(array, fields)
    raise ValueError(f'it has no struct array {variable!r}')


class _Elements:
    """The elements that a file or an array consists of, one after the other."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.at = 0

    @property
    def left(self) -> int:
        return len(self.content) - self.at

    def take(self) -> tuple[int, bytes]:
        """Type and data of the next one."""
        if self.left < 8:
            raise ValueError('it is cut short')
        kind, size = struct.unpack_from('<II', self.content, self.at)
        if kind >> 16:  # four bytes or fewer, within the tag
            kind, size, start, end = kind & 0xFFFF, kind >> 16, self.at + 4, self.at + 8
        else:
            start = self.at + 8
            # All but compressed ones are filled up to a multiple of eight.
            end = start + size + (-size % 8 if kind != COMPRESSED else 0)
        if start + size > end or end > len(self.content):
            raise ValueError('it is cut short')
        self.at = end
        return kind, self.content[start : start + size]


class _Array(_Elements):
    """What is in an array, after its class, dimensions and name."""

    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        flags = self.take()[1]
        self.kind = flags[0] if flags else 0
        self.dimensions = self.take()[1]
        self.name = self.take()[1]


def _read_rows(array: _Array, fields: Sequence[str]) -> list[tuple[str | float, ...]]:
    (width,) = _numbers(INT32, array.take()[1])
    joined = array.take()[1]
    if not 0 < width <= len(joined):
        raise ValueError('its fields have no names')
    names = [joined[at : at + width].rstrip(b'\0') for at in range(0, len(joined), width)]
    for field in fields:
        if field.encode() not in names:
            raise ValueError(f'it has no field {field!r}')
    places = [names.index(field.encode()) for field in fields]
    rows = []
    for _ in range(math.prod(_numbers(INT32, array.dimensions))):
        row = [array.take()[1] for _ in names]
        rows.append(tuple(_value(_Array(row[place])) for place in places))
    return rows


def _value(array: _Array) -> str | float:
    kind, data = array.take()
    if array.kind == CHAR and kind in TEXTS:
        return data.decode(TEXTS[kind])
    values = _numbers(kind, data) if array.kind >= DOUBLE else ()
    if len(values) != 1:
        raise ValueError('a field is neither a text nor a number')
    return values[0]


def _numbers(kind: int, data: bytes) -> tuple[Any, ...]:
    code = NUMBERS.get(kind)
    if code is None or len(data) % struct.calcsize(code):
        raise ValueError('a number is of no known type')
    return struct.unpack(f'<{len(data) // struct.calcsize(code)}{code}', data)


def _inflate(data: bytes) -> bytes:
    try:
        # One byte too many is enough to know.
        inflated = zlib.decompressobj().decompress(data, MAX_INFLATED + 1)
    except zlib.error as error:
        raise ValueError(str(error)) from error
    if len(inflated) > MAX_INFLATED:
        raise ValueError(f'it inflates to more than {MAX_INFLATED:,} bytes')
    return inflated
