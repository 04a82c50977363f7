"""Files of vectors: appended to, never changed, read through a memory map.

A file is rows of equal length without a header. Which of them count is written in the database.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import torch

from msvitreid.errors import GalleryError
from msvitreid.utils.files import cannot_write
from msvitreid.utils.regular_file import FLAGS

from .stored_precision import decode, row_bytes

_SEGMENT_BYTES = 2**27
"""Of a part in float32: few enough to be converted in memory, many enough for one product."""


def file_name(number: int) -> str:
    """Of the block file with this number."""
    return f'vectors-{number:06d}.bin'


class VectorFile:
    """The first ``rows`` vectors of a file.

    Opened files and maps stay readable when a compaction removes the file.

    Raises:
        FileNotFoundError: there is no such file.
        GalleryError: it is shorter than ``rows``, or no plain file.
    """

    def __init__(self, path: Path, precision: str, dimension: int, rows: int) -> None:
        self.rows, self.precision, self.dimension = rows, precision, dimension
        self._row_bytes = row_bytes(precision, dimension)
        self._segment = max(32, _SEGMENT_BYTES // (4 * dimension) // 32 * 32)
        self._maps: list[np.ndarray] = []
        with open(os.open(path, FLAGS | getattr(os, 'O_NOFOLLOW', 0)), 'rb') as file:
            status = os.fstat(file.fileno())
            needed = rows * self._row_bytes
            if not stat.S_ISREG(status.st_mode) or status.st_size < needed:
                raise GalleryError(
                    f'{str(path)!r} is damaged: it has {status.st_size:,} bytes and needs '
                    f'{needed:,}; restore a copy of the gallery'
                )
            # A private map in parts: torch takes writable arrays only, and the system grants
            # no writable map that is larger than the memory.
            for start in range(0, rows, self._segment):
                shape = (min(self._segment, rows - start), self._row_bytes)
                try:
                    part = np.memmap(file, np.uint8, 'c', start * self._row_bytes, shape)
                except OSError as error:
                    raise GalleryError(
                        f'{str(path)!r}: its {needed:,} bytes cannot be mapped into memory '
                        f'({error.strerror}); raise the limit of address space (ulimit -v)'
                    ) from error
                self._maps.append(part)

    def blocks(self) -> Iterator[tuple[int, torch.Tensor]]:
        """Each part's first row and ``(B, D)`` float32 vectors; they must not be changed."""
        for number, part in enumerate(self._maps):
            yield number * self._segment, torch.from_numpy(decode(part, self.precision))

    def at(self, slots: np.ndarray) -> np.ndarray:
        """``(N, D)`` float32, copies of the vectors in these rows."""
        raw = np.empty((len(slots), self._row_bytes), np.uint8)
        parts = slots // self._segment
        for number in np.unique(parts):
            here = parts == number
            raw[here] = self._maps[number][slots[here] - number * self._segment]
        return decode(raw, self.precision)

    def raw(self, start: int, stop: int) -> np.ndarray:
        """The bytes of consecutive rows, a copy."""
        raw = np.empty((stop - start, self._row_bytes), np.uint8)
        for number, part in enumerate(self._maps):
            first = number * self._segment
            low, high = max(start, first), min(stop, first + len(part))
            if low < high:
                raw[low - start : high - start] = part[low - first : high - first]
        return raw


def append(path: Path, raw: np.ndarray, rows: int) -> None:
    """Write vectors after the first ``rows`` of a file, down to the disk.

    Raises:
        OutputError: that failed; the file is then as long as before.
    """
    try:
        with open(path, 'r+b') as file:
            file.truncate(rows * raw.shape[1])
            file.seek(0, os.SEEK_END)
            file.write(raw.data)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        with suppress(OSError):
            os.truncate(path, rows * raw.shape[1])
        raise cannot_write(path, error) from error
