from __future__ import annotations

import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image


class Row(NamedTuple):
    """What must be read of one image."""

    img_path: str
    pid: int
    camid: int


# Split name ('train', 'query', 'gallery') -> its images, in no particular order.
Table = dict[str, list[Row]]


@dataclass(frozen=True)
class TreeShape:
    """How large a miniature tree is.

    ``images`` is the number of training images an identity has; a test identity has one
    query and as many gallery images (self-retrieval sets: as many queries). ``image_size``
    is (H, W).
    """

    train_identities: int = 6
    test_identities: int = 3
    images: int = 6
    image_size: tuple[int, int] = (40, 20)


DEFAULT_SHAPE = TreeShape()


def write_image(path: Path, identity: int, image_size: tuple[int, int]) -> None:
    """A noisy image with the color of its identity, in the format of the path's suffix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    color = np.random.default_rng(identity + 1).integers(40, 216, size=3)
    # By more than the name: MSMT17 has files of one name in train and test.
    rng = np.random.default_rng(zlib.crc32('/'.join(path.parts[-3:]).encode()))
    noise = rng.integers(-40, 40, size=(*image_size, 3))
    Image.fromarray((color + noise).astype(np.uint8)).save(path)


def write_clutter(folder: Path) -> None:
    """What lies about in unpacked archives and must not be read as images or identities."""
    (folder / '__MACOSX').mkdir(parents=True, exist_ok=True)
    (folder / 'Thumbs.db').write_bytes(b'\xd0\xcf\x11\xe0')
    (folder / '._0001_c1s1_000151_01.jpg').write_bytes(b'\x00\x05\x16\x07')
    (folder / '.DS_Store').write_bytes(b'\x00')
    (folder / 'readme.txt').write_text('not an image\n')
    (folder / '__MACOSX' / '0001_c1s1_000151_01.jpg').write_bytes(b'\x00\x05\x16\x07')
