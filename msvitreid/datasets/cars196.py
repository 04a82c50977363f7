from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from msvitreid.errors import DatasetError
from msvitreid.registry import DATASETS

from .base import ImageRecord, ReIDDataset
from .counts import About, SplitStatistics
from .file_states import note_read

ANNOTATIONS = 'cars_annos.mat'
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
                yield ImageRecord(str(root / path), label, -1)


def _read_annotations(file: Path) -> list[tuple[str, int]]:
    """Relative path and class of every row of the MATLAB struct array ``annotations``."""
    from scipy.io import loadmat  # here, so that the other datasets do not pay for it

    note_read(file)
    try:
        # MATLAB wraps every field of every row in a 1x1 array; a single row unwraps whole.
        annotations = np.atleast_1d(loadmat(file, squeeze_me=True)['annotations'])
        return [(str(row['relative_im_path']), int(row['class'])) for row in annotations]
    except Exception as error:  # the parser raises whatever it stumbles over
        raise DatasetError(
            f'{file}: not the annotations of Cars-196, a MATLAB file with a struct array '
            f"'annotations' of relative_im_path and class ({error}); download it again"
        ) from error
