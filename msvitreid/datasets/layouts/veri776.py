from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from msvitreid.datasets.base import ImageRecord, ReIDDataset
from msvitreid.datasets.split_statistics import SplitStatistics
from msvitreid.registry import DATASETS

from .market_style import read_market_folder

FOLDERS = {'train': 'image_train', 'query': 'image_query', 'gallery': 'image_test'}


@DATASETS.register_module()
class VeRi776(ReIDDataset):
    """VeRi-776: vehicles seen by 20 cameras, 576 to train with and 200 to find.

    Files are named as Market-1501's, ``0002_c002_00030600_0.jpg``; the lists and labels
    next to the folders are not read.
    """

    folder_names = ('VeRi', 'VeRi776')
    markers = tuple(FOLDERS.values())
    sources = FOLDERS
    expected = {
        'train': SplitStatistics(images=37_778, identities=576, cameras=20),
        'query': SplitStatistics(images=1_678, identities=200),
        'gallery': SplitStatistics(images=11_579),
    }

    def read_split(self, root: Path, split: str) -> Iterator[ImageRecord]:
        return read_market_folder(root / FOLDERS[split], self.left_out)
