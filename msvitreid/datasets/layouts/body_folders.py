"""Occluded, partial and whole bodies in folders of their own, identities below them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from msvitreid.datasets.base import ImageRecord, ReIDDataset
from msvitreid.datasets.left_out import LeftOut
from msvitreid.datasets.readers.image_files import list_folders, list_images
from msvitreid.datasets.readers.listed_values import NUMBER, number
from msvitreid.datasets.split_statistics import About, SplitStatistics
from msvitreid.errors import ConfigError, DatasetError
from msvitreid.registry import DATASETS

LEADING_PID = re.compile(f'({NUMBER})_')


def read_identities(folder: Path, left_out: LeftOut | None = None) -> Iterator[ImageRecord]:
    """Images of a folder with a folder per identity, or files called ``<pid>_...``, or both.

    These layouts name no camera that a protocol uses, so ``camid`` is -1.

    Args:
        folder: Where to look.
        left_out: Takes files of other kinds, and images in folders further below.

    Raises:
        DatasetError: the folder is missing, a name below it has no identity, or two folders
            have one.
    """
    folder_of: dict[int, str] = {}
    for identity in list_folders(folder):
        pid = parse_folder_name(folder, identity)
        earlier = folder_of.setdefault(pid, identity)
        if earlier != identity:
            raise DatasetError(
                f"{folder / identity}: this folder's name is the same number as {earlier}; "
                'rename one of them, or join them'
            )
        for name in list_images(folder / identity, left_out):
            yield ImageRecord(str(folder / identity / name), pid, -1)
    for name in list_images(folder, left_out, folders_are_read=True):
        yield ImageRecord(str(folder / name), parse_file_name(folder, name), -1)


def parse_folder_name(folder: Path, name: str) -> int:
    """The pid that a folder in ``folder`` is called by.

    Raises:
        DatasetError: it is called by something else.
    """
    try:
        return number(name)
    except ValueError:
        raise DatasetError(
            f"{folder / name}: this folder's name must be its identity, a number such as "
            '0001; rename the folder or take it out'
        ) from None


def parse_file_name(folder: Path, name: str) -> int:
    """The pid that the name of a file in ``folder`` begins with.

    Raises:
        DatasetError: it begins with something else.
    """
    match = LEADING_PID.match(name)
    if match is None:
        raise DatasetError(
            f"{folder / name}: no identity in this file's name, which must begin with "
            '<pid>_, as 001_002.jpg does; rename the file, move it into a folder called '
            'by its identity, or take it out'
        )
    return int(match[1])


class BodyFoldersDataset(ReIDDataset):
    """``{occluded,partial,whole}_body_images/`` with a folder per identity or ``<pid>_...`` files.

    The protocols of these sets leave no image out by its camera, so ``camid`` is -1
    throughout. A set without 'train' in ``folders`` is for testing only.
    """

    folders: Mapping[str, Sequence[str]] = {}
    """Below the dataset's folder, where the images of each split are."""

    def load_data_list(self) -> list[dict[str, Any]]:
        if self.split == 'train' and 'train' not in self.folders:
            raise ConfigError(
                f'{self.name} is a test set without training images, so split must be one of '
                f"'test', 'query', 'gallery'; train on another dataset, such as Market1501"
            )
        return super().load_data_list()

    def read_split(self, root: Path, split: str) -> Iterator[ImageRecord]:
        for folder in self.folders[split]:
            yield from read_identities(root / folder, self.left_out)


@DATASETS.register_module()
class PDukeMTMC(BodyFoldersDataset):
    """P-DukeMTMC-reID: training takes occluded and whole bodies; occluded ones search whole."""

    folder_names = ('P-DukeMTMC-reid', 'p_dukemtmc', 'p_duke')
    folders = {
        'train': ('train/whole_body_images', 'train/occluded_body_images'),
        'query': ('test/occluded_body_images',),
        'gallery': ('test/whole_body_images',),
    }
    markers = tuple(name for names in folders.values() for name in names)
    sources = {split: ' and '.join(names) for split, names in folders.items()}
    expected = {
        'train': SplitStatistics(images=About(12_927), identities=About(665)),
        'query': SplitStatistics(images=About(2_163)),
        'gallery': SplitStatistics(images=About(9_053)),
    }


@DATASETS.register_module()
class OccludedREID(BodyFoldersDataset):
    """Occluded-REID, for testing only: five occluded and five whole images of 200 people."""

    folder_names = ('Occluded_REID',)
    folders = {'query': ('occluded_body_images',), 'gallery': ('whole_body_images',)}
    # Not the whole bodies, which Partial-REID has too.
    markers = folders['query']
    sources = {split: name for split, (name,) in folders.items()}
    expected = {
        'query': SplitStatistics(images=1_000, identities=200),
        'gallery': SplitStatistics(images=1_000, identities=200),
    }


@DATASETS.register_module()
class PartialREID(BodyFoldersDataset):
    """Partial-REID, for testing only: cropped views of 60 people search whole bodies."""

    folder_names = ('Partial-REID_Dataset', 'Partial-REID')
    folders = {'query': ('partial_body_images',), 'gallery': ('whole_body_images',)}
    markers = folders['query']
    sources = {split: name for split, (name,) in folders.items()}
    expected = {
        'query': SplitStatistics(images=About(300), identities=About(60)),
        'gallery': SplitStatistics(images=About(300), identities=About(60)),
    }
