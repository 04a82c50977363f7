"""Listing of image files and identity folders, without what archives and desktops leave."""

from __future__ import annotations

import os
from pathlib import Path

from msvitreid.datasets.left_out import LOOSE, LeftOut, is_clutter
from msvitreid.errors import DatasetError

from .image_kinds import is_image_name


def list_images(
    folder: Path, left_out: LeftOut | None = None, folders_are_read: bool = False
) -> list[str]:
    """Names of the images directly in ``folder``, sorted.

    An image is known by its suffix, in any case; see
    :data:`~msvitreid.datasets.readers.image_kinds.KINDS`. A link to nothing, or to itself, is an
    image, one that is missing: loading it says so.

    Args:
        folder: Where to look.
        left_out: Takes what is passed over: files of other kinds, images in folders below.
        folders_are_read: Whether the caller reads the folders below by itself.

    Raises:
        DatasetError: ``folder`` does not exist.
    """
    names = []
    for entry in sorted(_scan(folder), key=lambda entry: entry.name):
        if _is_folder(entry):
            if left_out is not None and not folders_are_read and not entry.is_symlink():
                left_out.add_folder(entry.path)
        elif is_image_name(entry.name):
            names.append(entry.name)
        elif left_out is not None:
            left_out.add_file(entry.path)
    return names


def list_folders(folder: Path, left_out: LeftOut | None = None) -> list[str]:
    """Names of the folders directly in ``folder``, sorted.

    Args:
        folder: Where to look.
        left_out: Takes the images that lie next to the folders.

    Raises:
        DatasetError: ``folder`` does not exist.
    """
    folders = []
    for entry in sorted(_scan(folder), key=lambda entry: entry.name):
        if _is_folder(entry):
            folders.append(entry.name)
        elif left_out is not None and is_image_name(entry.name):
            left_out.add(LOOSE, entry.path)
    return folders


def _scan(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return [entry for entry in entries if not is_clutter(entry.name)]
    except (FileNotFoundError, NotADirectoryError):
        raise DatasetError(
            f'{folder}: this folder of the dataset is missing; complete the download or point '
            'data_root elsewhere'
        ) from None
    except OSError as error:
        raise DatasetError(f'{folder}: the folder cannot be read ({error.strerror})') from error


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself, or to where nothing may be read
        return False
