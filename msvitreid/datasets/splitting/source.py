"""A user's images before they are split: a folder per identity, or a list without splits."""

from __future__ import annotations

import os
from pathlib import Path

from msvitreid.datasets.image_record import ImageRecord
from msvitreid.datasets.left_out import LeftOut
from msvitreid.datasets.readers.csv_list import has_splits, read_csv
from msvitreid.datasets.readers.id_names import IdNames
from msvitreid.datasets.readers.identity_folders import (
    SPLIT_FOLDERS,
    check_camera_pattern,
    read_identity_folders,
)
from msvitreid.datasets.readers.image_files import list_folders
from msvitreid.errors import ConfigError, DatasetError

from .dealing import Crop


def read_source(
    source: Path, root: Path, camera_pattern: str | None, left_out: LeftOut
) -> list[Crop]:
    """Images of a folder per identity or of a list, with paths relative to ``root``.

    Args:
        source: a folder, or a CSV file with the columns path, pid and perhaps camid.
        root: folder that the paths are relative to.
        camera_pattern: of a folder, a regular expression whose first group is the camera's number
            in a file's name.
        left_out: takes what lies in the folder and is not read.

    Raises:
        ConfigError: ``camera_pattern`` is none, or is given with a list.
        DatasetError: it cannot be read, is split already, names a file that does not exist, or
            has no images.
    """
    names = IdNames()
    if source.is_dir():
        if camera_pattern is not None:
            check_camera_pattern(camera_pattern)
        records = _read_folders(source, camera_pattern, left_out, names)
    else:
        if camera_pattern is not None:
            raise ConfigError(
                'camera_pattern is for folders; state the camera in the column camid'
            )
        records = _read_list(source, root, names)
    if not records:
        raise DatasetError(f'{source}: there are no images; give a folder per identity')
    return [
        Crop(
            os.path.relpath(record.img_path, root),
            names.full_pid(record.pid),
            names.full_camid(record.camid) if record.camid >= 0 else '',
        )
        for record in records
    ]


def _read_folders(
    source: Path, camera_pattern: str | None, left_out: LeftOut, names: IdNames
) -> list[ImageRecord]:
    split = [name for name in list_folders(source) if name in SPLIT_FOLDERS]
    if split:
        raise DatasetError(
            f'{source}: the folder {split[0]} in it says that it is split already; train with '
            'csv=None, or give a folder in which each folder is an identity'
        )
    return read_identity_folders(source, 'train', camera_pattern, left_out, names)['train']


def _read_list(source: Path, root: Path, names: IdNames) -> list[ImageRecord]:
    if not source.exists():
        raise DatasetError(f'{source}: there is no such folder or list')
    if has_splits(source):
        raise DatasetError(
            f'{source}: the list has a column split already; train with it, or take the column '
            'out to split it again'
        )
    records = read_csv(source, root, 'train', names)['train']
    missing = [record.img_path for record in records if not os.path.exists(record.img_path)]
    if missing:
        raise DatasetError(
            f'{source}: {len(missing):,} of {len(records):,} images do not exist, as '
            f'{missing[0]}; correct the paths, which are relative to {str(root)!r}'
        )
    return records
