from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from mmengine.dataset import BaseDataset
from mmengine.logging import print_log

from msvitreid.errors import ConfigError, DatasetError
from msvitreid.registry import DATASETS, TRANSFORMS

from .counts import SplitStatistics, count_entries, differences, separate_cameras
from .dataset_root import find_dataset_root, resolve_data_root
from .image_record import ImageRecord
from .left_out import LeftOut
from .loading.redraw import load_or_redraw
from .readers.csv_list import read_csv
from .readers.id_names import IdNames
from .readers.identity_folders import check_camera_pattern, read_identity_folders

__all__ = ['ImageRecord', 'ReIDDataset']

Listing = dict[str, list[ImageRecord]]


@DATASETS.register_module()
class ReIDDataset(BaseDataset):
    """A user's own data, and the base of the datasets with a layout of their own.

    By itself it reads a CSV file (see :func:`~msvitreid.datasets.readers.csv_list.read_csv`) or a
    folder per identity (see
    :func:`~msvitreid.datasets.readers.identity_folders.read_identity_folders`).

    An entry is ``dict(img_path, pid, camid, split)`` with ``split`` one of 'train', 'query'
    and 'gallery'; training entries also have ``label``, the index of the pid among the
    sorted training pids. Entries are sorted by path within their split, so labels are the
    same on every machine and rank. After loading, ``metainfo['num_classes']`` is the
    number of training identities (absent for the other splits).

    A dataset with a layout states where it lies and how it is read: ``folder_names``,
    ``markers``, ``sources``, ``expected`` and :meth:`read_split`.

    Args:
        data_root: The dataset's own folder or, of a dataset with a layout, the folder of all
            datasets. ``None`` takes the environment's ``MSVITREID_DATA_ROOT``, else ``data``.
        split: 'train', 'query', 'gallery', or 'test': the queries, then the gallery.
        pipeline: Transforms or their configs.
        on_count_mismatch: What to do where images, identities or cameras are not as many
            as the dataset is known to have: 'error' (for uncertain expectations a
            warning), 'warn' or 'ignore'.
        on_unreadable: What to do about a file that is not a readable image: 'error', or,
            of a training split only, 'redraw': take another image of the identity (see
            :func:`~msvitreid.datasets.loading.redraw.load_or_redraw`).
        csv: Own data: the list to read, a path relative to ``data_root`` or absolute;
            ``None`` reads folders.
        camera_pattern: Own data in folders: a regular expression whose first group is the
            camera's number in a file's name; ``None``: no camera is known.
        metainfo: More meta information.
        indices: Keep only the first (or last, if negative) so many entries, or these.
        serialize_data: Keep entries as one buffer that worker processes share.
        lazy_init: Read the files only when first needed.

    Raises:
        ConfigError: an option has a value it cannot have, or is not one of this dataset.
        DatasetError: the root, a folder or a list is missing, a split is empty, a name
            cannot be read, or the counts differ.
    """

    folder_names: Sequence[str] = ()
    """Names of the dataset's folder, the official one first."""

    markers: Sequence[str] = ()
    """Files or folders, any of which shows that a folder is the dataset's; none: any is."""

    sources: Mapping[str, str] = {
        'train': 'train/<identity>/',
        'query': 'query/<identity>/ or test/<identity>/',
        'gallery': 'gallery/<identity>/',
    }
    """Where below the dataset's folder each split is read from, for people."""

    expected: Mapping[str, SplitStatistics] = {}
    """Published counts of each split."""

    test_splits: Sequence[str] = ('query', 'gallery')
    """What 'test' consists of; self-retrieval sets have queries only."""

    numbers_splits_apart: bool = False
    """Whether training and test lists number identities from 0 each: equal numbers say nothing."""

    distractor_pid: int | None = None
    """The identity number of gallery images of many people whom no query shows."""

    draws_gallery: bool = False
    """Whether the protocol draws one image of each identity as the gallery of the others."""

    def __init__(
        self,
        data_root: str | None = None,
        split: Literal['train', 'test', 'query', 'gallery'] = 'train',
        pipeline: Sequence[dict[str, Any] | Callable[..., Any]] = (),
        on_count_mismatch: Literal['error', 'warn', 'ignore'] = 'error',
        *,
        on_unreadable: Literal['error', 'redraw'] = 'error',
        csv: str | None = None,
        camera_pattern: str | None = None,
        metainfo: Mapping[str, Any] | None = None,
        indices: int | Sequence[int] | None = None,
        serialize_data: bool = True,
        lazy_init: bool = False,
    ) -> None:
        self._check_option('split', split, ('train', 'test', *self.test_splits))
        self._check_option('on_count_mismatch', on_count_mismatch, ('error', 'warn', 'ignore'))
        self._check_option('on_unreadable', on_unreadable, ('error', 'redraw'))
        if not isinstance(pipeline, list | tuple):
            raise ConfigError(
                f'{type(self).__name__}: pipeline must be a list of transforms, got {pipeline!r}'
            )
        if on_unreadable == 'redraw' and split != 'train':
            raise ConfigError(
                f"{type(self).__name__}: on_unreadable='redraw' is for split 'train', not for "
                f"split {split!r}, as an evaluation leaves out no image; use 'error'"
            )
        self.split = split
        self.on_count_mismatch = on_count_mismatch
        self.on_unreadable = on_unreadable
        self._set_own_data_options(csv, camera_pattern)
        #: What lies where images are read and is passed over; known after loading.
        self.left_out = LeftOut()
        #: What the user calls identities and cameras of own data; known after loading.
        self.id_names = IdNames()
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

    def prepare_data(self, idx: int) -> Any:
        """The transformed entry ``idx``, or that of another image by ``on_unreadable``.

        Raises:
            DatasetError: the file, or with 'redraw' every one of the identity, is unreadable.
        """
        load = super().prepare_data
        return load(idx) if self.on_unreadable == 'error' else load_or_redraw(self, load, idx)

    def statistics(self) -> dict[str, SplitStatistics]:
        """Images, identities and cameras of each split in this dataset."""
        return count_entries(self.get_data_info(i) for i in range(len(self)))

    def read_split(self, root: Path, split: str) -> Iterable[ImageRecord]:
        """Images of 'train', 'query' or 'gallery' below the dataset's folder, in any order.

        A dataset with a layout of its own overrides this.
        """
        return self._read_own_data(root, split)[split]

    def load_data_list(self) -> list[dict[str, Any]]:
        """Find and read the dataset's files; see the class for entries and errors."""
        root = self.find_root()
        self.left_out.clear()
        self.id_names.clear()
        entries = [
            {**record._asdict(), 'split': split}
            for split, records in self._list(root).items()
            for record in records
        ]
        self._check_counts(root, count_entries(entries))
        if apart := separate_cameras(entries):
            print_log(
                f'{self.name} in {root}: {apart}; check how cameras are called in both',
                logger='current',
                level=logging.WARNING,
            )
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

    @property
    def is_own_data(self) -> bool:
        """Whether it is a list or folders of the user's, not a dataset with a layout."""
        return not self._has_layout and type(self).load_data_list is ReIDDataset.load_data_list

    @property
    def _has_layout(self) -> bool:
        return type(self).read_split is not ReIDDataset.read_split

    def _set_own_data_options(self, csv: str | None, camera_pattern: str | None) -> None:
        if self._has_layout and (csv is not None or camera_pattern is not None):
            raise ConfigError(
                f'{type(self).__name__} has a layout of its own and takes neither csv nor '
                'camera_pattern; use the type ReIDDataset for your own data'
            )
        if camera_pattern is not None:
            if csv is not None:
                raise ConfigError(
                    f'{self.name}: camera_pattern is for folders; in {csv!r}, state the camera '
                    'in the column camid'
                )
            check_camera_pattern(camera_pattern)
        if csv is not None:
            self.sources = dict.fromkeys(self.sources, str(csv))
        self.csv = csv
        self.camera_pattern = camera_pattern

    def _list(self, root: Path) -> Listing:
        """Sorted images of each split that is asked for."""
        listing = {split: sorted(records) for split, records in self._read(root).items()}
        for split, records in listing.items():
            if not records:
                raise DatasetError(
                    f'{self.name}: split {split!r} is empty: no images were found in {root} '
                    f'under {self.sources[split]}{_but(self.left_out)}; complete the dataset or '
                    'point data_root elsewhere'
                )
        return listing

    def _read(self, root: Path) -> Mapping[str, Iterable[ImageRecord]]:
        if not self._has_layout:
            return self._read_own_data(root, self.split)
        splits = self.test_splits if self.split == 'test' else (self.split,)
        return {split: self.read_split(root, split) for split in splits}

    def _read_own_data(self, root: Path, split: str) -> Listing:
        if self.csv is None:
            return read_identity_folders(
                root, split, self.camera_pattern, self.left_out, self.id_names
            )
        return read_csv(root / Path(str(self.csv)).expanduser(), root, split, self.id_names)

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


def _but(left_out: LeftOut) -> str:
    """What was found instead of images that are read, as part of a sentence."""
    return f', but there are {left_out}, which are not read' if left_out else ''


def innermost(dataset: Any) -> Any:
    """The dataset in wrappers that repeat it, or the like."""
    while not isinstance(dataset, ReIDDataset) and hasattr(dataset, 'dataset'):
        dataset = dataset.dataset
    return dataset
