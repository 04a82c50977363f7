from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from msvitreid.datasets.base import ImageRecord, ReIDDataset
from msvitreid.datasets.readers.listed_values import NUMBER, number, path_below
from msvitreid.datasets.readers.text_files import parse_rows
from msvitreid.datasets.split_statistics import About, SplitStatistics
from msvitreid.errors import ConfigError, DatasetError
from msvitreid.registry import DATASETS

from .market_style import MARKET_FOLDERS, read_market_folder

# Folders of the training and of the test images in the two releases.
RELEASE_FOLDERS = {'V1': ('train', 'test'), 'V2': ('mask_train_v2', 'mask_test_v2')}
LISTS = {
    'train': ('list_train.txt', 'list_val.txt'),
    'query': ('list_query.txt',),
    'gallery': ('list_gallery.txt',),
}
# The third part of a file's name.
CAMERA = re.compile(f'[^_]*_[^_]*_({NUMBER})_')


@DATASETS.register_module()
class MSMT17(ReIDDataset):
    """MSMT17: 15 cameras, 1,041 identities to train with and 3,060 to find.

    Read as released, V1 (``train/``, ``test/``) or V2 (``mask_train_v2/``,
    ``mask_test_v2/``; faces blurred) with ``list_{train,val,query,gallery}.txt``, or laid
    out again as Market-1501. ``metainfo['version']``, 'V1', 'V2' or 'Market layout', says
    which one was found; the statistics name it too, as the releases are not the same images.

    Args:
        *args: See :class:`ReIDDataset`.
        include_val: Train on ``list_val.txt`` as well; most published figures do.
        **kwargs: See :class:`ReIDDataset`.
    """

    folder_names = ('MSMT17', 'MSMT17_V1', 'MSMT17_V2')
    numbers_splits_apart = True
    markers = (
        *(name for names in LISTS.values() for name in names),
        MARKET_FOLDERS['train'],
        MARKET_FOLDERS['gallery'],
    )
    sources = {
        split: f'{" and ".join(names)}, or {MARKET_FOLDERS[split]}'
        for split, names in LISTS.items()
    }
    expected = {
        'train': SplitStatistics(images=32_621, identities=1_041, cameras=15),
        'query': SplitStatistics(images=11_659, identities=3_060),
        'gallery': SplitStatistics(images=82_161, cameras=15),
    }
    expected_without_val = SplitStatistics(
        images=30_248, identities=About(1_041), cameras=About(15)
    )

    def __init__(self, *args: Any, include_val: bool = True, **kwargs: Any) -> None:
        self.include_val = include_val
        if not include_val:
            self.expected = {**self.expected, 'train': self.expected_without_val}
        super().__init__(*args, **kwargs)

    @property
    def name(self) -> str:
        return ' '.join(filter(None, ('MSMT17', self._metainfo.get('version'))))

    def find_root(self) -> Path:
        root = super().find_root()
        self._metainfo['version'] = _find_version(root)
        return root

    def read_split(self, root: Path, split: str) -> Iterator[ImageRecord]:
        version = self._metainfo['version']
        if version in RELEASE_FOLDERS:
            train_folder, test_folder = RELEASE_FOLDERS[version]
            images = root / (train_folder if split == 'train' else test_folder)
            for name in LISTS[split]:
                if self.include_val or name != 'list_val.txt':
                    yield from _read_list(root / name, images)
        elif split == 'train' and not self.include_val:
            raise ConfigError(
                f'MSMT17: include_val=False cannot be honored, as {root} is in the Market '
                'layout, which does not separate validation images from training images; drop '
                'the option or use the released lists'
            )
        else:
            yield from read_market_folder(root / MARKET_FOLDERS[split], self.left_out)


def _find_version(root: Path) -> str:
    if not any((root / name).exists() for names in LISTS.values() for name in names):
        return 'Market layout'
    return 'V2' if any((root / name).is_dir() for name in RELEASE_FOLDERS['V2']) else 'V1'


def _read_list(list_file: Path, images: Path) -> Iterator[ImageRecord]:
    """Images of a list of ``path pid`` lines; the camera is the third part of a file's name."""
    for missing in (path for path in (list_file, images) if not path.exists()):
        raise DatasetError(
            f'{missing}: this part of MSMT17 is missing; complete the download or point '
            'data_root elsewhere'
        )

    def record(path: str, pid: str) -> ImageRecord:
        camera = CAMERA.match(PurePosixPath(path).name)
        if camera is None:
            raise ValueError(
                'no camera as the third part of the file name, as 01 is in '
                '0000_000_01_0303morning_0015_0.jpg'
            )
        return ImageRecord(path_below(images, path), number(pid), int(camera[1]))

    yield from parse_rows(list_file, record, 'path pid', unique='path')
