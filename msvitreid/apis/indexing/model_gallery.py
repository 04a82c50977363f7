"""The gallery of a model: opened if it is of this model, or made."""

from __future__ import annotations

import os

from msvitreid.errors import GalleryError
from msvitreid.gallery import GalleryStore, create_gallery, gallery_exists, open_gallery
from msvitreid.utils.printable import printable


def open_or_create_gallery(
    path_or_url: str | os.PathLike[str],
    dimension: int,
    fingerprint: str,
    precision: str | None = None,
) -> GalleryStore:
    """Open a gallery of a model for writing; where there is none yet, make it.

    Args:
        path_or_url: of the gallery.
        dimension: of an embedding.
        fingerprint: of the model.
        precision: of a new gallery, ``float32`` by default; of one that is there it must be
            the precision.

    Raises:
        GalleryError: see :func:`open_gallery` and :func:`create_gallery`; or the gallery is of
            another model or precision.
    """
    if not gallery_exists(path_or_url):
        return create_gallery(path_or_url, dimension, fingerprint, precision or 'float32')
    gallery = open_gallery(path_or_url)
    try:
        require_same_model(gallery, fingerprint)
        if precision not in (None, gallery.precision):
            raise GalleryError(
                f'{os.fspath(path_or_url)!r} is a gallery of {gallery.precision}, not '
                f'{precision}; copy it to a new one for another precision'
            )
    except GalleryError:
        gallery.close()
        raise
    return gallery


def require_same_model(gallery: GalleryStore, fingerprint: str) -> None:
    """Check that a model is the one whose embeddings a gallery holds.

    Raises:
        GalleryError: it is another one.
    """
    if gallery.fingerprint != fingerprint:
        raise GalleryError(
            f'the gallery holds embeddings of the model {printable(gallery.fingerprint)!r}, this '
            f'is the model {fingerprint!r}; use that model, or embed the gallery again: '
            'msvitreid index reembed GALLERY NEW_GALLERY MODEL'
        )
