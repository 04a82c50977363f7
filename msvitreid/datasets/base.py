from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from mmengine.dataset import BaseDataset
from mmengine.logging import print_log

from msvitreid.errors import ConfigError, DatasetError
from msvitreid.registry import DATASETS, TRANSFORMS

from .counts import SplitStatistics, count_entries, differences
from .dataset_root import find_dataset_root, resolve_data_root


class ImageRecord(NamedTuple):
    """What a layout says of one image; ``camid`` is -1 where it names no camera."""

    img_path: str
    pid: int
    camid: int


@DATASETS.register_module()
class ReIDDataset(BaseDataset):
    """Base of the re-identification and instance retrieval datasets.

    An entry is ``dict(img_path, pid, camid, split)`` with ``split`` one of 'train', 'query'
    and 'gallery'; training entries also have ``label``, the index of the pid among the
    sorted training pids. Entries are sorted by path within their split, so labels are the
    same on every machine and rank. After loading, ``metainfo['num_classes']`` is the
    number of training identities (absent for the other splits).

    A dataset states where it lies and how it is read: ``folder_names``, ``markers``,
    ``sources``, ``expected`` and :meth:`read_split`.

    Args:
        data_root: The dataset's own folder or the folder of all datasets. ``None`` takes
            the environment's ``MSVITREID_DATA_ROOT``, else ``data``.
        split: 'train', 'query', 'gallery', or 'test': the queries, then the gallery.
        pipeline: Transforms or their configs.
        on_count_mismatch: What to do where images, identities or cameras are not as many
            as the dataset is known to have: 'error' (for uncertain expectations a
            warning), 'warn' or 'ignore'.
        metainfo: More meta information.
        indices: Keep only the first (or last, if negative) so many entries, or these.
        serialize_data: Keep entries as one buffer that worker processes share.
        lazy_init: Read the files only when first needed.

    Raises:
        ConfigError: an option has a value it cannot have.
        DatasetError: the root, a folder or a list is missing, a split is empty, a name
            cannot be read, or the counts differ.
    """

    folder_names: Sequence[str] = ()
    """Names of the dataset's folder, the official one first."""

    markers: Sequence[str] = ()
    """Files or folders, any of which shows that a folder is the dataset's."""

    sources: Mapping[str, str] = {}
    """Where below the dataset's folder each split is read from, for people."""

    expected: Mapping[str, SplitStatistics] = {}
    """Published counts of each split."""

    test_splits: Sequence[str] = ('query', 'gallery')
    """What 'test' consists of; self-retrieval sets have queries only."""

    def __init__(
        self,
        data_root: str | None = None,
        split: Literal['train', 'test', 'query', 'gallery'] = 'train',
        pipeline: Sequence[dict | Callable] = (),
        on_count_mismatch: Literal['error', 'warn', 'ignore'] = 'error',
        *,
        metainfo: Mapping | None = None,
        indices: int | Sequence[int] | None = None,
        serialize_data: bool = True,
        lazy_init: bool = False,
    ) -> None:
        self._check_option('split', split, ('train', 'test', *self.test_splits))
        self._check_option('on_count_mismatch', on_count_mismatch, ('error', 'warn', 'ignore'))
        self.split = split
        self.on_count_mismatch = on_count_mismatch
        super().__init__(
            metainfo=metainfo,
            data_root=resolve_data_root(data_root),
            data_prefix={},
            indices=indices,
            serialize_data=serialize_data,
            # Built here, as mmengine's own registry knows our transforms only while a
            # default scope is set.
            pipeline=[TRANSFORMS.build(t) if isinstance(t, dict) else t for t in pipeline],
            test_mode=split != 'train',
            lazy_init=lazy_init,
        )

    @property
    def name(self) -> str:
        """The dataset's name in messages and statistics."""
        return type(self).__name__

    @property
    def labels(self) -> np.ndarray:
        """Class index of every training image, ``(N,)`` int64, read without the pipeline.

        Raises:
            ConfigError: the split is not 'train'.
        """
        if self.split != 'train':
            raise ConfigError(
                f"{self.name}: labels exist for split 'train' only, not for split "
                f'{self.split!r}'
            )
        entries = (self.get_data_info(i) for i in range(len(self)))
        return np.fromiter((entry['label'] for entry in entries), np.int64, len(self))

    def statistics(self) -> dict[str, SplitStatistics]:
        """Images, identities and cameras of each split in this dataset."""
        return count_entries(self.get_data_info(i) for i in range(len(self)))

    def read_split(self, root: Path, split: str) -> Iterable[ImageRecord]:
        """Images of 'train', 'query' or 'gallery' below the dataset's folder, in any order."""
        raise NotImplementedError(f'{self.name} does not say how its files are read')

    def load_data_list(self) -> list[dict]:
        """Find and read the dataset's files; see the class for entries and errors."""
        root = self.find_root()
        splits = self.test_splits if self.split == 'test' else (self.split,)
        entries = [
            {**record._asdict(), 'split': split}
            for split in splits
            for record in self._read_sorted(root, split)
        ]
        self._check_counts(root, count_entries(entries))
        if self.split == 'train':
            pids = sorted({entry['pid'] for entry in entries})
            label_of = {pid: label for label, pid in enumerate(pids)}
            for entry in entries:
                entry['label'] = label_of[entry['pid']]
            self._metainfo['num_classes'] = len(pids)
        return entries

    def find_root(self) -> Path:
        """The dataset's own folder, at or below ``data_root``."""
        return find_dataset_root(self.data_root, self.name, self.folder_names, self.markers)

    def _read_sorted(self, root: Path, split: str) -> list[ImageRecord]:
        records = sorted(self.read_split(root, split))
        if not records:
            raise DatasetError(
                f'{self.name}: split {split!r} is empty: no images were found in {root} under '
                f'{self.sources[split]}; complete the download or point data_root elsewhere'
            )
        return records

    def _check_counts(self, root: Path, found: Mapping[str, SplitStatistics]) -> None:
        """Log what was found; complain where it is not what is expected."""
        wrong: dict[str, bool] = {}
        for split, statistics in found.items():
            print_log(f'{self.name} {split}: {statistics} ({root})', logger='current')
            expected = self.expected.get(split, SplitStatistics())
            for phrase, exact in differences(statistics, expected).items():
                wrong[f'{split} has {phrase}'] = exact
        if not wrong or self.on_count_mismatch == 'ignore':
            return
        message = f'{self.name} in {root}: {"; ".join(wrong)}'
        if any(wrong.values()) and self.on_count_mismatch == 'error':
            raise DatasetError(
                f"{message}; complete the dataset, or set on_count_mismatch='warn' or 'ignore' "
                'to use it as it is'
            )
        print_log(message, logger='current', level=logging.WARNING)

    def _check_option(self, option: str, value: str, allowed: Sequence[str]) -> None:
        if value not in allowed:
            raise ConfigError(
                f'{type(self).__name__}: {option}={value!r} is not one of '
                + ', '.join(repr(choice) for choice in allowed)
            )
