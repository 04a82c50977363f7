"""The store of a path or URL."""

from __future__ import annotations

import os
from pathlib import Path

from msvitreid.errors import GalleryError
from msvitreid.registry import GALLERIES
from msvitreid.utils.near_names import did_you_mean

from .base import GalleryStore


def open_gallery(
    path_or_url: str | os.PathLike[str], readonly: bool = False, fingerprint: str | None = None
) -> GalleryStore:
    """Open the gallery of a folder, or of a URL such as ``qdrant://host:6333/collection``.

    Args:
        path_or_url: where it was created.
        readonly: leave writing to others.
        fingerprint: of the model that will be used with it, compared with the gallery's.

    Raises:
        GalleryError: see :meth:`GalleryStore.open`; or no store opens such URLs.
    """
    return _store(path_or_url).open(os.fspath(path_or_url), readonly, fingerprint)


def create_gallery(
    path_or_url: str | os.PathLike[str],
    dimension: int,
    fingerprint: str,
    precision: str = 'float32',
) -> GalleryStore:
    """Make an empty gallery and open it for writing; see :meth:`GalleryStore.create`."""
    return _store(path_or_url).create(os.fspath(path_or_url), dimension, fingerprint, precision)


def gallery_exists(path_or_url: str | os.PathLike[str]) -> bool:
    """Whether there is anything at the place, so that no gallery can be created there."""
    return _store(path_or_url).exists(os.fspath(path_or_url))


def _store(path_or_url: str | os.PathLike[str]) -> type[GalleryStore]:
    scheme, separator, _ = os.fspath(path_or_url).partition('://')
    if not separator or isinstance(path_or_url, Path):
        return GALLERIES.get('EmbeddedGallery')
    stores = {name: store for store in _registered() for name in store.schemes}
    if scheme not in stores:
        raise GalleryError(
            f'no gallery has URLs of {scheme!r}; there are paths and {", ".join(sorted(stores))}'
            f'{did_you_mean(scheme, stores)}'
        )
    return stores[scheme]


def _registered() -> list[type[GalleryStore]]:
    GALLERIES.import_from_location()
    return list(GALLERIES.module_dict.values())
