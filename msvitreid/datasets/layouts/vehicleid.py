from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from msvitreid.datasets.base import ImageRecord, ReIDDataset
from msvitreid.datasets.readers.listed_values import number, path_below
from msvitreid.datasets.readers.text_files import parse_rows
from msvitreid.datasets.split_statistics import SplitStatistics
from msvitreid.errors import ConfigError
from msvitreid.registry import DATASETS

TRAIN_LIST = 'train_test_split/train_list.txt'
TEST_LIST = 'train_test_split/test_list_{}.txt'
# Identities of a test list, as it is called, and its images.
TEST_IMAGES = {800: 6_493, 1600: 13_377, 2400: 19_777}


@DATASETS.register_module()
class VehicleID(ReIDDataset):
    """PKU VehicleID: 13,164 vehicles to train with and three test lists of growing size.

    All test images are of split 'query': :class:`RandomGalleryMetric` draws the gallery.
    No camera is known.

    Args:
        *args: See :class:`ReIDDataset`.
        test_size: Which test list to read: that of 800, 1600 or 2400 vehicles.
        **kwargs: See :class:`ReIDDataset`.
    """

    folder_names = ('VehicleID_V1.0', 'VehicleID', 'PKU-VehicleID')
    markers = (TRAIN_LIST, *(TEST_LIST.format(size) for size in TEST_IMAGES))
    test_splits = ('query',)
    draws_gallery = True

    def __init__(self, *args: Any, test_size: int = 800, **kwargs: Any) -> None:
        if test_size not in TEST_IMAGES:
            raise ConfigError(
                f'VehicleID: test_size={test_size!r} is not one of '
                + ', '.join(map(str, TEST_IMAGES))
            )
        self.test_size = test_size
        self.sources = {'train': TRAIN_LIST, 'query': TEST_LIST.format(test_size)}
        self.expected = {
            'train': SplitStatistics(images=113_346, identities=13_164),
            'query': SplitStatistics(images=TEST_IMAGES[test_size], identities=test_size),
        }
        super().__init__(*args, **kwargs)

    @property
    def name(self) -> str:
        return 'VehicleID' if self.split == 'train' else f'VehicleID {self.test_size}'

    def read_split(self, root: Path, split: str) -> Iterator[ImageRecord]:
        def record(image: str, vid: str) -> ImageRecord:
            return ImageRecord(path_below(root / 'image', f'{image}.jpg'), number(vid), -1)

        return parse_rows(root / self.sources[split], record, 'image vid', unique='image')
