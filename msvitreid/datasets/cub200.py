from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from msvitreid.errors import DatasetError
from msvitreid.registry import DATASETS

from .base import ImageRecord, ReIDDataset
from .counts import About, SplitStatistics
from .text_files import parse_rows

PATHS = 'images.txt'
CLASSES = 'image_class_labels.txt'
IMAGES = 'images'
LAST_TRAIN_CLASS = 100


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
        paths = _read_table(root / PATHS)
        for image_id, label in _read_table(root / CLASSES).items():
            if image_id not in paths:
                raise DatasetError(
                    f'{root / CLASSES}: image {image_id!r} has a class but no path in {PATHS}; '
                    'the two files must come from the same download'
                )
            if not label.isdecimal():
                raise DatasetError(
                    f'{root / CLASSES}: the class of image {image_id!r} is {label!r}, not a '
                    'number; download the file again'
                )
            if (int(label) <= LAST_TRAIN_CLASS) == (split == 'train'):
                yield ImageRecord(str(root / IMAGES / paths[image_id]), int(label), -1)


def _read_table(file: Path) -> dict[str, str]:
    """``image_id value`` lines as a mapping."""
    if not file.is_file():
        raise DatasetError(
            f'{file}: this file of CUB-200-2011 is missing; complete the download or point '
            'data_root elsewhere'
        )
    return dict(parse_rows(file, lambda *fields: fields, 'image_id value'))
