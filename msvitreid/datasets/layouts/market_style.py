"""Datasets laid out and named as Market-1501, the field's commonest layout."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from msvitreid.datasets.base import ImageRecord, ReIDDataset
from msvitreid.datasets.counts import SplitStatistics
from msvitreid.datasets.left_out import LeftOut
from msvitreid.datasets.readers.image_files import list_images
from msvitreid.datasets.readers.listed_values import NUMBER
from msvitreid.errors import DatasetError
from msvitreid.registry import DATASETS

MARKET_FOLDERS = {
    'train': 'bounding_box_train',
    'query': 'query',
    'gallery': 'bounding_box_test',
}
# The camera is all digits after the c: MSMT17 has fifteen.
MARKET_NAME = re.compile(rf'(-1|{NUMBER})_c({NUMBER})(?![0-9])')
JUNK_PID = -1


def read_market_folder(folder: Path, left_out: LeftOut | None = None) -> Iterator[ImageRecord]:
    """Images of a folder of ``<pid>_c<camid>...`` files; pid -1, junk, is left out.

    Pid 0, the distractors of Market-1501's gallery, is an identity that no query has.

    Args:
        folder: Where to look.
        left_out: Takes files of other kinds, and images in folders below.

    Raises:
        DatasetError: the folder is missing, or a name has no pid and camera.
    """
    for name in list_images(folder, left_out):
        record = parse_market_name(folder, name)
        if record.pid != JUNK_PID:
            yield record


def parse_market_name(folder: Path, name: str) -> ImageRecord:
    """What the name of a file in ``folder`` says of it.

    Raises:
        DatasetError: it does not begin with a pid and a camera.
    """
    match = MARKET_NAME.match(name)
    if match is None:
        raise DatasetError(
            f"{folder / name}: no identity and camera in this file's name, which must "
            'begin with <pid>_c<camera>, as 0002_c1s1_000451_03.jpg does; rename the '
            'file or take it out'
        )
    return ImageRecord(str(folder / name), int(match[1]), int(match[2]))


class MarketStyleDataset(ReIDDataset):
    """``bounding_box_train/``, ``query/`` and ``bounding_box_test/`` with Market-1501's names.

    A dataset of this layout needs only its ``folder_names`` and ``expected`` counts.
    """

    # Not 'query': other layouts have a folder of that name.
    markers = (MARKET_FOLDERS['train'], MARKET_FOLDERS['gallery'])
    sources = MARKET_FOLDERS
    distractor_pid = 0

    def read_split(self, root: Path, split: str) -> Iterator[ImageRecord]:
        return read_market_folder(root / MARKET_FOLDERS[split], self.left_out)


@DATASETS.register_module()
class Market1501(MarketStyleDataset):
    """Market-1501: 6 cameras, 751 identities to train with and 750 to find."""

    folder_names = ('Market-1501-v15.09.15', 'market1501')
    expected = {
        'train': SplitStatistics(images=12_936, identities=751, cameras=6),
        'query': SplitStatistics(images=3_368, identities=750),
        'gallery': SplitStatistics(images=15_913, cameras=6),
    }


@DATASETS.register_module()
class DukeMTMC(MarketStyleDataset):
    """DukeMTMC-reID: 8 cameras, 702 identities each for training and test."""

    folder_names = ('DukeMTMC-reID', 'dukemtmc', 'duke')
    expected = {
        'train': SplitStatistics(images=16_522, identities=702, cameras=8),
        'query': SplitStatistics(images=2_228, identities=702),
        'gallery': SplitStatistics(images=17_661, cameras=8),
    }


@DATASETS.register_module()
class OccludedDuke(MarketStyleDataset):
    """Occluded-Duke: DukeMTMC-reID split again, so that every query is occluded."""

    folder_names = ('Occluded_Duke', 'occluded_dukemtmc', 'occluded_dukemtmc_reid')
    expected = {
        'train': SplitStatistics(images=15_618, identities=702, cameras=8),
        'query': SplitStatistics(images=2_210, identities=519),
        'gallery': SplitStatistics(images=17_661, cameras=8),
    }


@DATASETS.register_module()
class CUHK03NP(MarketStyleDataset):
    """CUHK03 under its new protocol: 767 identities to train with and 700 to find.

    Args:
        *args: See :class:`ReIDDataset`.
        variant: 'detected' (boxes of a detector) or 'labeled' (boxes drawn by hand).
        **kwargs: See :class:`ReIDDataset`.
    """

    expected_by_variant = {
        'detected': {
            'train': SplitStatistics(images=7_365, identities=767, cameras=2),
            'query': SplitStatistics(images=1_400, identities=700),
            'gallery': SplitStatistics(images=5_332, cameras=2),
        },
        'labeled': {
            'train': SplitStatistics(images=7_368, identities=767, cameras=2),
            'query': SplitStatistics(images=1_400, identities=700),
            'gallery': SplitStatistics(images=5_328, cameras=2),
        },
    }

    def __init__(
        self, *args: Any, variant: Literal['detected', 'labeled'] = 'detected', **kwargs: Any
    ) -> None:
        self._check_option('variant', variant, tuple(self.expected_by_variant))
        self.variant = variant
        self.folder_names = ('cuhk03-np', 'cuhk03', variant)
        self.expected = self.expected_by_variant[variant]
        super().__init__(*args, **kwargs)

    @property
    def name(self) -> str:
        return f'CUHK03NP {self.variant}'

    def find_root(self) -> Path:
        root = super().find_root()
        if root.resolve().name in set(self.expected_by_variant) - {self.variant}:
            raise DatasetError(
                f'{self.name}: data_root is {root}, the other variant; give the folder above '
                f'it, or set variant={root.resolve().name!r}'
            )
        return root
