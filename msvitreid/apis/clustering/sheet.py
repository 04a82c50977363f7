"""A picture of the largest clusters."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from msvitreid.apis.indexing import image_path
from msvitreid.apis.indexing.searching import PICTURES
from msvitreid.datasets.transforms.image_decoding import read_image
from msvitreid.errors import DatasetError
from msvitreid.utils.files import require_suffix
from msvitreid.utils.printable import counted

from .of_gallery import GalleryClusters

#: Width and height of an image.
TILE = (80, 160)
ROWS, COLUMNS = 20, 12


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
    from msvitreid.visualization import SheetRow, draw_contact_sheet, missing_tile
    from msvitreid.visualization.style import save

    require_suffix(out, PICTURES)
    if not found.ids:
        raise DatasetError('the gallery has no image to draw')
    rows, missing = [], []
    sizes = list(found.clusters.sizes.items())[:ROWS]
    for label, size in sizes:
        images, captions = [], []
        members = np.flatnonzero(found.clusters.labels == label)[:COLUMNS].tolist()
        for member in members:
            id_ = found.ids[member]
            place = _place(id_, found.metadata[member], root)
            try:
                if place is None:
                    raise DatasetError(f'{id_}: the metadata name no file')
                image = ImageOps.pad(
                    Image.fromarray(read_image(place, None)), TILE, color='white'
                )
            except DatasetError:
                image = missing_tile(id_, TILE)
                missing.append(id_)
            images.append(np.asarray(image))
            captions.append(found.cameras[member])
        label_text = f'{found.pids[members[0]]}: {counted(size, "image")}'
        rows.append(SheetRow(label_text, images, captions))
    title = f'{counted(len(found.clusters), "cluster")}, the {len(rows)} largest'
    if any(found.cameras):
        title += '; below an image its camera'
    picture = draw_contact_sheet(rows, title, TILE[1])
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
