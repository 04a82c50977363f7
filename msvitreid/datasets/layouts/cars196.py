from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

from msvitreid.datasets.base import ImageRecord, ReIDDataset
from msvitreid.datasets.readers.listed_values import number, path_below
from msvitreid.datasets.readers.mat_table import read_mat_table
from msvitreid.datasets.split_statistics import About, SplitStatistics
from msvitreid.errors import DatasetError
from msvitreid.registry import DATASETS
from msvitreid.utils.regular_file import read_regular_file

ANNOTATIONS = 'cars_annos.mat'
FIELDS = ('relative_im_path', 'class')
LAST_TRAIN_CLASS = 98


@DATASETS.register_module()
class Cars196(ReIDDataset):
    """Cars-196 for retrieval: classes 1-98 to train with, 99-196 to find by one another.

    Images are whole: the boxes of the annotations are not used, nor is their test flag,
    which belongs to the classification split.
    """

    folder_names = ('CARS', 'cars196', 'car196', 'stanford_cars')
    markers = (ANNOTATIONS,)
    sources = {'train': ANNOTATIONS, 'query': ANNOTATIONS}
    test_splits = ('query',)
    expected = {
        'train': SplitStatistics(images=About(8_054), identities=98),
        'query': SplitStatistics(images=About(8_131), identities=98),
    }

    def read_split(self, root: Path, split: str) -> Iterator[ImageRecord]:
        for path, label in _read_annotations(root / ANNOTATIONS):
            if (label <= LAST_TRAIN_CLASS) == (split == 'train'):
                yield ImageRecord(path, label, -1)


def _read_annotations(file: Path) -> list[tuple[str, int]]:
    """Path and class of every row of the MATLAB struct array ``annotations``."""
    try:
        rows = read_mat_table(read_regular_file(file), 'annotations', FIELDS)
        return [
            (path_below(file.parent, str(path)), _class_number(label)) for path, label in rows
        ]
    except (OSError, ValueError, OverflowError) as error:
        raise DatasetError(
            f'{file}: not the annotations of Cars-196, a MATLAB file with a struct array '
            f"'annotations' of relative_im_path and class ({error}); download it again"
        ) from error


def _class_number(label: str | float) -> int:
    """The class as MATLAB stores it, a whole number of any of its types; 1.5 is none."""
    whole = not isinstance(label, str) and math.isfinite(label) and label == int(label)
    return number(str(int(label)) if whole else str(label))
