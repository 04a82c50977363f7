from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from msvitreid.datasets.base import ImageRecord, ReIDDataset
from msvitreid.datasets.readers.listed_values import number, path_below, shown
from msvitreid.datasets.readers.text_files import parse_rows
from msvitreid.datasets.split_statistics import About, SplitStatistics
from msvitreid.errors import DatasetError
from msvitreid.registry import DATASETS

PATHS = 'images.txt'
CLASSES = 'image_class_labels.txt'
IMAGES = 'images'
LAST_TRAIN_CLASS = 100

T = TypeVar('T')


@DATASETS.register_module()
class CUB200(ReIDDataset):
    """CUB-200-2011 for retrieval: classes 1-100 to train with, 101-200 to find by one another.

    Images are whole; the bounding boxes and the classification split are not used.
    """

    folder_names = ('CUB_200_2011', 'cub200', 'cub')
    markers = (CLASSES,)
    sources = {'train': CLASSES, 'query': CLASSES}
    test_splits = ('query',)
    expected = {
        'train': SplitStatistics(images=About(5_864), identities=100),
        'query': SplitStatistics(images=About(5_924), identities=100),
    }

    def read_split(self, root: Path, split: str) -> Iterator[ImageRecord]:
        def path(image_id: str, path: str) -> tuple[str, str]:
            return image_id, path_below(root / IMAGES, path)

        def label(image_id: str, label: str) -> tuple[str, int]:
            return image_id, number(label)

        paths = dict(_read_table(root / PATHS, path, 'image_id path'))
        for image_id, pid in _read_table(root / CLASSES, label, 'image_id class'):
            if image_id not in paths:
                raise DatasetError(
                    f'{root / CLASSES}: image {shown(image_id)} has a class but no path in '
                    f'{PATHS}; the two files must come from the same download'
                )
            if (pid <= LAST_TRAIN_CLASS) == (split == 'train'):
                yield ImageRecord(paths[image_id], pid, -1)


def _read_table(
    file: Path, parse: Callable[[str, str], tuple[str, T]], form: str
) -> Iterator[tuple[str, T]]:
    """What the lines of a table say of each image."""
    if not file.is_file():
        raise DatasetError(
            f'{file}: this file of CUB-200-2011 is missing; complete the download or point '
            'data_root elsewhere'
        )
    return parse_rows(file, parse, form, unique='image_id')
