"""A folder of small crops, and galleries of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image


def draw(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (8, 4, 3), np.uint8)
    Image.fromarray(pixels).resize((32, 64)).save(path, quality=95)


def draw_crops(folder: Path, identities: int = 3) -> list[str]:
    """Two cameras' images of some identities; their ids, sorted."""
    ids = []
    for pid in range(identities):
        for camera in (1, 2):
            ids.append(f'c{camera}/{pid:04d}_c{camera}.jpg')
            draw(folder / ids[-1], 10 * pid + camera)
    return sorted(ids)
