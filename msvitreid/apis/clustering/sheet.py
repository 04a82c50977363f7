"""A picture of the largest clusters."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from msvitreid.apis.indexing import image_path
from msvitreid.datasets.transforms.image_decoding import read_image
from msvitreid.errors import ConfigError, DatasetError
from msvitreid.utils.printable import counted, printable

from .of_gallery import GalleryClusters

SUFFIXES = ('.jpg', '.jpeg', '.png')
TILE = (160, 80)
ROWS, COLUMNS = 20, 12
GRAY = (200, 200, 200)


def check_picture_name(out: str | os.PathLike[str]) -> None:
    """Check the name of a picture.

    Raises:
        ConfigError: it says no format that can be written.
    """
    if Path(out).suffix.lower() not in SUFFIXES:
        raise ConfigError(f'{str(out)!r} must end with one of {", ".join(SUFFIXES)}')


def draw_clusters(
    found: GalleryClusters,
    out: str | os.PathLike[str],
    root: str | os.PathLike[str] | None = None,
) -> list[str]:
    """Draw the first images of the largest clusters, a row for each.

    An image that is missing or cannot be read is a gray tile with its name.

    Args:
        found: with at least one image.
        out: the picture, ``.jpg`` or ``.png``; its folder is made.
        root: folder that ids are relative to; by default the column ``path`` says where an
            image is, and without it the id.

    Returns:
        Ids of the images that could not be drawn.

    Raises:
        ConfigError: the name says no kind of picture.
        DatasetError: there is no image.
        OutputError: the picture cannot be written.
    """
    from msvitreid.visualization import SheetRow, draw_contact_sheet
    from msvitreid.visualization.style import save

    check_picture_name(out)
    if not found.ids:
        raise DatasetError('the gallery has no image to draw')
    rows, missing = [], []
    sizes = list(found.clusters.sizes.items())[:ROWS]
    for label, size in sizes:
        images, captions = [], []
        members = np.flatnonzero(found.clusters.labels == label)[:COLUMNS].tolist()
        for member in members:
            id_ = found.ids[member]
            try:
                place = _place(id_, found.metadata[member], root)
                image = _tile(read_image(place, None)) if place else None
            except DatasetError:
                image = None
            if image is None:
                missing.append(id_)
            images.append(_gray_tile(id_) if image is None else image)
            captions.append(found.cameras[member])
        label_text = f'{found.pids[members[0]]}: {counted(size, "image")}'
        rows.append(SheetRow(label_text, images, captions))
    title = f'{counted(len(found.clusters), "cluster")}, the {len(rows)} largest'
    if any(found.cameras):
        title += '; below an image its camera'
    picture = draw_contact_sheet(rows, title, TILE[0])
    save(picture, out)
    return missing


def _place(
    id_: str, metadata: Mapping[str, Any], root: str | os.PathLike[str] | None
) -> str | None:
    """The path of an image; below ``root``, whatever the id is."""
    if root is not None:
        return image_path(id_, metadata, root)
    path = metadata.get('path')
    return path if isinstance(path, str) and path else id_


def _tile(pixels: np.ndarray) -> np.ndarray:
    """The image within :data:`TILE`, its aspect kept."""
    image = Image.fromarray(pixels)
    image.thumbnail(TILE[::-1], Image.Resampling.BILINEAR)
    tile = Image.new('RGB', TILE[::-1], (255, 255, 255))
    tile.paste(image, ((TILE[1] - image.width) // 2, (TILE[0] - image.height) // 2))
    return np.asarray(tile)


def _gray_tile(name: str) -> np.ndarray:
    tile = Image.new('RGB', TILE[::-1], GRAY)
    lines: Sequence[str] = [
        printable(name)[start : start + 12] for start in range(0, min(len(name), 96), 12)
    ]
    ImageDraw.Draw(tile).multiline_text((4, 4), '\n'.join(lines), fill=(60, 60, 60))
    return np.asarray(tile)
