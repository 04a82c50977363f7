"""A gallery embedded by another model, into a gallery of that."""

from __future__ import annotations

import os
from typing import Any

from msvitreid.apis.inferencer import ReIDInferencer
from msvitreid.gallery import GalleryStore

from .adding import IndexReport, index_images
from .files import ImageFile, ListedImages, image_path


def reembed_gallery(
    gallery: GalleryStore,
    target: GalleryStore | None,
    inferencer: ReIDInferencer,
    root: str | os.PathLike[str] | None = None,
    **options: Any,
) -> IndexReport:
    """Embed the images of a gallery by another model, into a gallery of that.

    Ids and metadata are copied. It is continued as :func:`index_images` is.

    Args:
        gallery: of the old model, with a column ``path`` or ids that are paths below ``root``.
        target: of the new model, opened for writing; None in the processes after the first.
        inferencer: of the new model.
        root: folder of the images, if it is not where it was when they were added.
        options: see :func:`index_images`.

    Raises:
        GalleryError: ``target`` is of another model than ``inferencer``.
    """
    files, metadata, failed = [], {}, {}
    for items in gallery.scan(embeddings=False):
        for item in items:
            path = image_path(item.id, item.metadata, root)
            if path is None:
                failed[item.id] = 'the gallery does not say where the image is; give --root'
            else:
                files.append(ImageFile(item.id, path))
                metadata[item.id] = item.metadata
    files.sort()
    listed = ListedImages(files, failed=failed)
    return index_images(target, inferencer, listed, metadata, **options)
