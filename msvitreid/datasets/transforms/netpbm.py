"""PNM images (PBM, PGM, PPM) whose highest value is neither 255 nor 65535.

OpenCV and Pillow read these differently.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np

# Kind, width, height and, except in bitmaps, the highest value; comments may stand between them.
_GAP = rb'(?:\s|#[^\r\n]*[\r\n])+'
_HEADER = re.compile(
    rb'(?:P([14])%b(\d{1,9})%b(\d{1,9})|P([2356])%b(\d{1,9})%b(\d{1,9})%b(\d{1,9}))\s'
    % (_GAP, _GAP, _GAP, _GAP, _GAP)
)
_COMMENT = re.compile(rb'#[^\r\n]*')
_NO_NUMBER = re.compile(rb'[^\s0-9]')
# A header longer than this is no header.
_LONGEST_HEADER = 4096


class PnmHeader(NamedTuple):
    """What a PNM file says of itself; ``start`` is where its values begin, in bytes."""

    kind: int
    height: int
    width: int
    white: int
    start: int

    @property
    def channels(self) -> int:
        return 3 if self.kind in (3, 6) else 1

    @property
    def shortest(self) -> int:
        """Bytes that a whole file has at least."""
        values = self.height * self.width * self.channels
        if self.kind == 4:
            return self.start + self.height * -(-self.width // 8)
        # Values in text are a digit and, except in bitmaps, a gap.
        each = {1: 1, 2: 2, 3: 2}.get(self.kind, 2 if self.white > 255 else 1)
        return self.start + values * each - (self.kind in (2, 3))


def read_pnm_header(content: bytes) -> PnmHeader:
    """The header of a PNM file of kind P1 to P6.

    Raises:
        ValueError: it is none.
    """
    match = _HEADER.match(content[:_LONGEST_HEADER])
    if match is None:
        raise ValueError('not a PNM header')
    if match[1]:
        kind, width, height, white = int(match[1]), int(match[2]), int(match[3]), 1
    else:
        kind, width, height, white = (int(group) for group in match.groups()[3:])
    if not width or not height or not 0 < white < 2**16:
        raise ValueError('an impossible size or highest value')
    return PnmHeader(kind, height, width, white, match.end())


def decode_pnm(content: bytes, header: PnmHeader) -> np.ndarray:
    """Values as stored, ``(H, W, C)`` uint8 or, where ``header.white`` is above 255, uint16.

    Bitmaps are 0 where they are black and 1 where they are white.

    Raises:
        ValueError: values are missing, or higher than the header says.
    """
    height, width, channels = header.height, header.width, header.channels
    count = height * width * channels
    raster = memoryview(content)[header.start :]
    if header.kind == 4:
        rows = np.frombuffer(raster, np.uint8, height * (-(-width // 8)))
        values = 1 - np.unpackbits(rows.reshape(height, -1), axis=1)[:, :width]
    elif header.kind == 1:
        bits = np.frombuffer(_COMMENT.sub(b'', raster), np.uint8)
        values = 1 - (bits[(bits == 48) | (bits == 49)][:count] - 48)
    elif header.kind in (2, 3):
        # NumPy 1.26 only warns of what is no number.
        text = _NO_NUMBER.split(_COMMENT.sub(b'', raster), maxsplit=1)[0]
        values = np.fromstring(text, np.uint32, count, sep=' ')
    else:
        values = np.frombuffer(raster, '>u2' if header.white > 255 else np.uint8, count)
    values = values.reshape(height, width, channels)
    if values.max() > header.white:
        raise ValueError('a value is higher than the highest one')
    return values.astype(np.uint16 if header.white > 255 else np.uint8)
