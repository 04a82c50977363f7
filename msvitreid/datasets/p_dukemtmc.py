from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from msvitreid.errors import DatasetError
from msvitreid.registry import DATASETS

from .base import ImageRecord, ReIDDataset
from .counts import About, SplitStatistics
from .image_files import list_folders, list_images

FOLDERS = {
    'train': ('train/whole_body_images', 'train/occluded_body_images'),
    'query': ('test/occluded_body_images',),
    'gallery': ('test/whole_body_images',),
}


@DATASETS.register_module()
class PDukeMTMC(ReIDDataset):
    """P-DukeMTMC-reID: a folder per identity, occluded and whole bodies apart.

    Training takes both; occluded test images are the queries, whole ones the gallery.
    The protocol leaves no image out by its camera, so ``camid`` is -1 throughout.
    """

    folder_names = ('P-DukeMTMC-reid', 'p_dukemtmc', 'p_duke')
    markers = tuple(folder for folders in FOLDERS.values() for folder in folders)
    sources = {split: ' and '.join(folders) for split, folders in FOLDERS.items()}
    expected = {
        'train': SplitStatistics(images=About(12_927), identities=About(665)),
        'query': SplitStatistics(images=About(2_163)),
        'gallery': SplitStatistics(images=About(9_053)),
    }

    def read_split(self, root: Path, split: str) -> Iterator[ImageRecord]:
        for folder in (root / name for name in FOLDERS[split]):
            for identity in list_folders(folder):
                if not identity.isdecimal():
                    raise DatasetError(
                        f"{folder / identity}: this folder's name must be its identity, a "
                        'number such as 0001; rename the folder or take it out'
                    )
                for name in list_images(folder / identity):
                    yield ImageRecord(str(folder / identity / name), int(identity), -1)
