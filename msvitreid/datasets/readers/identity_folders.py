"""A folder per identity: a user's own data without Python."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from msvitreid.datasets.image_record import ImageRecord
from msvitreid.datasets.left_out import LeftOut
from msvitreid.errors import ConfigError, DatasetError

from .id_names import IdNames
from .image_files import list_folders, list_images
from .listed_values import number, shown
from .spellings import (
    describe_spellings,
    find_two_spellings,
    number_names,
    stands_for_nothing,
)

SPLIT_FOLDERS = ('train', 'query', 'gallery', 'test')


def read_identity_folders(
    root: Path,
    split: str,
    camera_pattern: str | None = None,
    left_out: LeftOut | None = None,
    id_names: IdNames | None = None,
) -> dict[str, list[ImageRecord]]:
    """Images of ``<root>/<split>/<identity>/``, or for training of ``<root>/<identity>/``.

    Split folders are ``train``, ``query`` and ``gallery``, or ``train`` and ``test``, whose
    images search each other. Identities may be called anything and are numbered over all
    split folders, so that they have the same numbers in each. A name has one spelling (not
    ``1`` and ``01``), and what stands for a missing value (``nan``, ``-1``) is refused.

    Args:
        root: The dataset's folder.
        split: 'train', 'query', 'gallery' or 'test'.
        camera_pattern: A regular expression looked for in the file names, whose first group
            is the camera's number; ``None``: no camera is known.
        left_out: Takes what is passed over in the folders of ``split``: files of other kinds,
            images in folders further below, and images that lie next to the identities.
        id_names: Takes the names of identities.

    Returns:
        The images of ``split``; 'test' stands for 'query' and 'gallery', or 'query' alone.

    Raises:
        DatasetError: a folder is missing, a folder's name is no identity's or another
            spelling of one, or a file's name has no camera.
    """
    tops = list_folders(root)
    identities = {name: list_folders(root / name) for name in SPLIT_FOLDERS if name in tops}
    if not identities:
        if split != 'train':
            raise DatasetError(
                f'{root}: split {split!r} needs a folder query and a folder gallery here, or a '
                'folder test, with a folder per identity in it; make them, or list the images '
                'in a CSV file'
            )
        pids = _number({name: root / name for name in list_folders(root, left_out)})
        if id_names is not None:
            id_names.update(pids, {})
        return {'train': list(_read_folder(root, pids, tops, camera_pattern, left_out))}
    searches_itself = 'test' in identities
    if searches_itself and ('query' in identities or 'gallery' in identities):
        raise DatasetError(
            f'{root}: there is a folder test, whose images search each other, and a folder '
            'query or gallery; keep one or the other'
        )
    pids = _number(
        {name: root / top / name for top, names in identities.items() for name in names}
    )
    if id_names is not None:
        id_names.update(pids, {})

    def read(part: str) -> list[ImageRecord]:
        folder = 'test' if part == 'query' and searches_itself else part
        names = list_folders(root / folder, left_out)
        return list(_read_folder(root / folder, pids, names, camera_pattern, left_out))

    if split != 'test':
        return {split: read(split)}
    return {part: read(part) for part in ('query', 'gallery')[: 1 if searches_itself else 2]}


def _number(folders: Mapping[str, Path]) -> dict[str, int]:
    """Numbers of identities, given a folder of each name."""
    for name, folder in folders.items():
        if stands_for_nothing(name):
            raise DatasetError(
                f'{folder}: this name stands for no identity; take the folder out, or rename it '
                'if it holds one'
            )
    spellings = find_two_spellings(folders)
    if spellings is not None:
        earlier, name = spellings
        raise DatasetError(
            f'{folders[name]}: the identities {describe_spellings(earlier, name)} (the latter '
            f'is {folders[earlier]}); rename one of the folders'
        )
    return number_names(folders)


def check_camera_pattern(pattern: str) -> None:
    """Check that it is a regular expression with a group.

    Raises:
        ConfigError: it is not.
    """
    try:
        groups = re.compile(pattern).groups
    except (re.error, TypeError) as error:
        given = shown(pattern) if isinstance(pattern, str) else repr(pattern)
        raise ConfigError(
            f'camera_pattern={given} is not a regular expression ({error})'
        ) from error
    if not groups:
        raise ConfigError(
            f'camera_pattern={shown(pattern)} has no group; put the digits of the camera in '
            r"brackets, as in r'_c(\d+)'"
        )


def _read_folder(
    folder: Path,
    pids: dict[str, int],
    identities: list[str],
    camera_pattern: str | None,
    left_out: LeftOut | None,
) -> Iterator[ImageRecord]:
    for identity in identities:
        for name in list_images(folder / identity, left_out):
            path = folder / identity / name
            camid = -1 if camera_pattern is None else find_camera(path, camera_pattern)
            yield ImageRecord(str(path), pids[identity], camid)


def find_camera(path: Path, pattern: str) -> int:
    """The camera's number, which the first group of ``pattern`` is in the file's name.

    Raises:
        DatasetError: it is not there, or no number.
    """
    match = re.search(pattern, path.name)
    try:
        return number((match and match[1]) or '')
    except ValueError:
        raise DatasetError(
            f'{path}: camera_pattern {shown(pattern)} finds no camera number in this name; rename '
            'the file or change the option'
        ) from None
