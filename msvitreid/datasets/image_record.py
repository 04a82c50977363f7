from __future__ import annotations

from typing import NamedTuple


class ImageRecord(NamedTuple):
    """What a layout says of one image; ``camid`` is -1 where it names no camera."""

    img_path: str
    pid: int
    camid: int
