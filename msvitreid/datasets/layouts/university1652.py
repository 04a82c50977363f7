from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from msvitreid.datasets.base import ImageRecord, ReIDDataset
from msvitreid.datasets.split_statistics import About, SplitStatistics
from msvitreid.registry import DATASETS

from .body_folders import read_identities

# What is searched with and what is searched in.
TASKS = {'drone2satellite': ('drone', 'satellite'), 'satellite2drone': ('satellite', 'drone')}


@DATASETS.register_module()
class University1652(ReIDDataset):
    """University-1652: buildings seen from drones and from satellites.

    Training takes both views of 701 buildings, of which 54 drone images and a single
    satellite image each; ground views are not read. A camera means nothing here: ``camid``
    is -1.

    Args:
        *args: See :class:`ReIDDataset`.
        task: 'drone2satellite' (locate what a drone sees) or 'satellite2drone'.
        **kwargs: See :class:`ReIDDataset`.
    """

    folder_names = ('University-Release', 'University-1652')

    def __init__(
        self,
        *args: Any,
        task: Literal['drone2satellite', 'satellite2drone'] = 'drone2satellite',
        **kwargs: Any,
    ) -> None:
        self._check_option('task', task, tuple(TASKS))
        query, gallery = TASKS[task]
        self.task = task
        self.folders = {
            'train': ('train/satellite', 'train/drone'),
            'query': (f'test/query_{query}',),
            'gallery': (f'test/gallery_{gallery}',),
        }
        self.markers = tuple(name for names in self.folders.values() for name in names)
        self.sources = {split: ' and '.join(names) for split, names in self.folders.items()}
        queries = {'drone': 37_855, 'satellite': 701}[query]
        searched = {'drone': 51_355, 'satellite': 951}[gallery]
        self.expected = {
            'train': SplitStatistics(images=About(38_555), identities=About(701)),
            'query': SplitStatistics(images=About(queries), identities=About(701)),
            'gallery': SplitStatistics(images=About(searched), identities=About(951)),
        }
        super().__init__(*args, **kwargs)

    @property
    def name(self) -> str:
        return 'University1652' if self.split == 'train' else f'University1652 {self.task}'

    def read_split(self, root: Path, split: str) -> Iterator[ImageRecord]:
        for folder in self.folders[split]:
            yield from read_identities(root / folder, self.left_out)
