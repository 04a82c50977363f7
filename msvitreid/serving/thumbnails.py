"""Images of the gallery for the page, small ones kept in memory."""

from __future__ import annotations

import io
import os
import threading
from collections import OrderedDict

from PIL import Image

from msvitreid.datasets.transforms.image_decoding import read_image

#: A thumbnail fits into this square; so does an image that is shown alone.
SMALL, LARGE = 256, 1600


def encode(path: str, side: int) -> bytes:
    """A JPEG of an image file, no larger than a square, without its EXIF data.

    The file is decoded by the checks of all images and written again, so that nothing but an
    image is ever given out, whatever the file holds.

    Raises:
        DatasetError: the file is no image that can be read.
    """
    picture = Image.fromarray(read_image(path))
    picture.thumbnail((side, side))
    out = io.BytesIO()
    picture.save(out, format='JPEG', quality=90)
    return out.getvalue()


class Thumbnails:
    """Small JPEGs, of which the last used are kept up to ``limit`` bytes.

    A file that has changed is read again.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[str, int, int], bytes] = OrderedDict()
        self._bytes = 0

    def of(self, path: str) -> bytes:
        """See :func:`encode`."""
        try:
            status = os.stat(path)
            key = path, status.st_mtime_ns, status.st_size
        except OSError:
            return encode(path, SMALL)  # which says what is wrong
        with self._lock:
            if (found := self._kept.get(key)) is not None:
                self._kept.move_to_end(key)
                return found
        made = encode(path, SMALL)
        with self._lock:
            self._bytes += len(made) - len(self._kept.get(key, b''))
            self._kept[key] = made
            while self._bytes > self._limit and self._kept:
                self._bytes -= len(self._kept.popitem(last=False)[1])
        return made
