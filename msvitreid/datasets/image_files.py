"""Listing of image files and identity folders, without what archives and desktops leave."""

from __future__ import annotations

import os
from pathlib import Path

from msvitreid.errors import DatasetError

IMAGE_SUFFIXES = ('.jpg', '.jpeg', '.png', '.bmp', '.tif', '.tiff')


def list_images(folder: Path) -> list[str]:
    """Names of the images directly in ``folder``, sorted.

    An image is known by its suffix, in any case. Hidden files (``._x.jpg`` of macOS
    among them), other files (``Thumbs.db``) and folders are passed over. A link to nothing
    is an image, one that is missing: loading it says so.

    Raises:
        DatasetError: ``folder`` does not exist.
    """
    return sorted(
        entry.name
        for entry in _scan(folder)
        if entry.name.lower().endswith(IMAGE_SUFFIXES) and not entry.is_dir()
    )


def list_folders(folder: Path) -> list[str]:
    """Names of the folders directly in ``folder``, sorted; no hidden ones, no ``__MACOSX``.

    Raises:
        DatasetError: ``folder`` does not exist.
    """
    return sorted(
        entry.name for entry in _scan(folder) if entry.name != '__MACOSX' and entry.is_dir()
    )


def _scan(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return [entry for entry in entries if not entry.name.startswith('.')]
    except (FileNotFoundError, NotADirectoryError):
        raise DatasetError(
            f'{folder}: this folder of the dataset is missing; complete the download or point '
            'data_root elsewhere'
        ) from None
    except OSError as error:
        raise DatasetError(f'{folder}: the folder cannot be read ({error.strerror})') from error
