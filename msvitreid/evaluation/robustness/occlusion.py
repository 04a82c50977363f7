"""Occlusion: a part of an image covered by gray, noise, a drawn texture or another image."""

from __future__ import annotations

import numpy as np
from PIL import Image

PLACES = ('top', 'bottom', 'side', 'scattered')
FILLS = ('gray', 'noise', 'texture', 'people')

#: Cells of scattered occlusion, down and across.
GRID = (8, 4)


def occlude(
    image: np.ndarray,
    share: float,
    place: str,
    fill: str,
    rng: np.random.Generator,
    donor: np.ndarray | None = None,
) -> np.ndarray:
    """Cover a share of the pixels, exact to half a pixel.

    With the same draws, what a small share covers is covered by a larger one as well.

    Args:
        image: ``(H, W, 3)`` uint8.
        share: of the area, from 0 to 1.
        place: ``'top'``, ``'bottom'``, ``'side'`` (left or right, drawn) or ``'scattered'``
            (cells of an 8x4 grid in random order).
        fill: ``'gray'`` (128), ``'noise'`` (uniform, each pixel and channel), ``'texture'`` (see
            :func:`draw_texture`) or ``'people'`` (``donor``, which comes in from the place).
        rng: draws.
        donor: with ``'people'``, another image of any size.

    Raises:
        ValueError: an argument is none of these.
    """
    if place not in PLACES:
        raise ValueError(f'place must be one of {PLACES}, got {place!r}')
    if fill not in FILLS:
        raise ValueError(f'fill must be one of {FILLS}, got {fill!r}')
    if not 0 <= share <= 1:
        raise ValueError(f'share must be from 0 to 1, got {share!r}')
    height, width = image.shape[:2]
    from_left = bool(rng.random() < 0.5)
    order = covering_order(height, width, place, from_left, rng)
    count = int(share * height * width + 0.5)
    covered = order < count
    if fill == 'people':
        if donor is None:
            raise ValueError("fill 'people' needs a donor image")
        cover = _coming_in(_resized(donor, height, width), place, from_left, covered)
    elif fill == 'texture':
        cover = draw_texture(height, width, rng)
    elif fill == 'noise':
        cover = rng.integers(0, 256, image.shape, dtype=np.uint8)
    else:
        cover = np.full_like(image, 128)
    return np.where(covered[:, :, None], cover, image)


def covering_order(
    height: int, width: int, place: str, from_left: bool, rng: np.random.Generator
) -> np.ndarray:
    """``(H, W)`` int64 ranks: which pixel is covered first, second, and so on."""
    row, column = np.mgrid[:height, :width]
    if place == 'top':
        return row * width + column
    if place == 'bottom':
        return (height - 1 - row) * width + column
    if place == 'side':
        return (column if from_left else width - 1 - column) * height + row
    cells = rng.permutation(GRID[0] * GRID[1])
    cell = (row * GRID[0] // height) * GRID[1] + column * GRID[1] // width
    ranks = np.empty(height * width, np.int64)
    # Within a cell row by row: the last one is covered in part.
    ranks[np.argsort(cells[cell].ravel(), kind='stable')] = np.arange(height * width)
    return ranks.reshape(height, width)


def draw_texture(height: int, width: int, rng: np.random.Generator) -> np.ndarray:
    """Stripes or checks of two random colors, ``(H, W, 3)`` uint8, with a soft shade on it."""
    row, column = np.mgrid[:height, :width] / height
    angle, period = rng.uniform(0, np.pi), rng.uniform(0.04, 0.16)
    along = (column * np.cos(angle) + row * np.sin(angle)) / period
    across = (row * np.cos(angle) - column * np.sin(angle)) / period
    first = np.floor(along) % 2
    pattern = first if rng.random() < 0.5 else (first + np.floor(across)) % 2
    colors = rng.uniform(20, 235, (2, 3))
    phases = rng.uniform(0, 2 * np.pi, 2)
    shade = 18 * np.sin(4 * row + phases[0]) * np.sin(4 * column + phases[1])
    drawn = colors[pattern.astype(int)] + shade[:, :, None]
    return drawn.round().clip(0, 255).astype(np.uint8)


def _resized(image: np.ndarray, height: int, width: int) -> np.ndarray:
    if image.shape[:2] == (height, width):
        return image
    resized = Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(resized)


def _coming_in(
    donor: np.ndarray, place: str, from_left: bool, covered: np.ndarray
) -> np.ndarray:
    """The donor shifted so that it enters from the place: a head from below, feet from above."""
    rows = int(covered.any(axis=1).sum())
    columns = int(covered.any(axis=0).sum())
    if place == 'bottom':
        return np.roll(donor, len(donor) - rows, axis=0)
    if place == 'top':
        return np.roll(donor, rows - len(donor), axis=0)
    if place == 'side':
        width = donor.shape[1]
        return np.roll(donor, columns - width if from_left else width - columns, axis=1)
    return donor
