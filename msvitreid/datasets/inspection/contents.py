from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from msvitreid.datasets.base import ReIDDataset
from msvitreid.datasets.left_out import LeftOut
from msvitreid.datasets.split_statistics import SplitStatistics
from msvitreid.errors import ConfigError
from msvitreid.registry import DATASETS


@dataclass
class Contents:
    """The splits of one dataset in one folder, as they were read.

    Attributes:
        name: the dataset's name.
        kind: the name of its class.
        root: the dataset's own folder.
        splits: entries of each split that is to be reported; in addition to what a dataset gives
            they have ``pid_name`` and ``camid_name``: what the user calls the identity and the
            camera, whole.
        expected: the counts that each split is known to have; none if counts are ignored.
        counts_must_agree: whether a count that differs from a certain one is a fault.
        csv: the list that it was read from, of own data in a list.
        numbers_splits_apart, draws_gallery: as the dataset's class says.
        is_own_data: whether its identities are what the user calls them.
        left_out: what lies where images are read, and is not read.
        value_range: what the pipeline says of 16-bit images, if it does.
        train: training entries that the test entries are compared with. Of several test sets
            with one training set each has them here, and the first alone in ``splits``.
    """

    name: str
    kind: str
    root: Path
    splits: dict[str, list[dict[str, Any]]]
    expected: Mapping[str, SplitStatistics]
    counts_must_agree: bool
    csv: Path | None = None
    is_own_data: bool = False
    left_out: LeftOut = field(default_factory=LeftOut)
    value_range: tuple[int, int] | None = None
    train: list[dict[str, Any]] = field(default_factory=list)
    numbers_splits_apart: bool = False
    draws_gallery: bool = False

    @property
    def source(self) -> tuple[str, Path, Path | None]:
        """Within what equal pids are one identity: two lists number theirs each by itself."""
        return self.kind, self.root, self.csv

    @property
    def is_self_retrieval(self) -> bool:
        """Whether test images are found by one another."""
        return 'query' in self.splits and 'gallery' not in self.splits

    @property
    def test(self) -> list[dict[str, Any]]:
        """Queries, then gallery."""
        return [*self.splits.get('query', []), *self.splits.get('gallery', [])]


def read_contents(configs: Iterable[Mapping[str, Any]]) -> list[Contents]:
    """Read datasets without their images; training and test sets of one source belong together.

    Args:
        configs: dataset configs, as a data loader has them; their pipelines are not used.

    Raises:
        ConfigError: a config builds something that is no :class:`ReIDDataset`.
        DatasetError: a root is missing, a split is empty, a list or name cannot be read.
    """
    read = [_read(config) for config in configs]
    trainings = [one for one in read if 'train' in one.splits]
    tests = [one for one in read if 'train' not in one.splits]
    alone = []
    for training in trainings:
        own_tests = [test for test in tests if test.source == training.source]
        for test in own_tests:
            test.train += training.train
        host = next((test for test in own_tests if 'train' not in test.splits), None)
        if host is None:
            alone.append(training)
        else:
            host.splits = training.splits | host.splits
            host.left_out.merge(training.left_out)
            host.value_range = host.value_range or training.value_range
            host.expected = {**training.expected, **host.expected}
    return [*alone, *tests]


def _read(config: Mapping[str, Any]) -> Contents:
    counts = config.get('on_count_mismatch', 'error')
    asked = {'pipeline': [], 'on_count_mismatch': 'ignore'}
    dataset = DATASETS.build({**config, **asked})
    if not isinstance(dataset, ReIDDataset):
        raise ConfigError(
            f'dataset {type(dataset).__name__} is no ReIDDataset, so its files are not known; '
            'name another dataset or config'
        )
    dataset.full_init()
    splits: dict[str, list[dict[str, Any]]] = {}
    for index in range(len(dataset)):
        entry = dataset.get_data_info(index)
        entry['pid_name'] = dataset.id_names.full_pid(entry['pid'])
        entry['camid_name'] = dataset.id_names.full_camid(entry['camid'])
        splits.setdefault(entry['split'], []).append(entry)
    expected = {split: dataset.expected.get(split, SplitStatistics()) for split in splits}
    root = dataset.find_root()
    return Contents(
        name=dataset.name,
        kind=type(dataset).__name__,
        root=root,
        splits=splits,
        expected={} if counts == 'ignore' else expected,
        counts_must_agree=counts == 'error',
        csv=None if dataset.csv is None else (root / Path(dataset.csv).expanduser()).resolve(),
        is_own_data=dataset.is_own_data,
        left_out=dataset.left_out,
        value_range=_value_range(config.get('pipeline') or ()),
        train=list(splits.get('train', [])),
        numbers_splits_apart=dataset.numbers_splits_apart,
        draws_gallery=dataset.draws_gallery,
    )


def _value_range(pipeline: Iterable[Any]) -> tuple[int, int] | None:
    """What a pipeline's ``LoadImage``, also within another transform, says of 16-bit images."""
    for transform in pipeline:
        if isinstance(transform, Mapping):
            found = transform.get('value_range') or _value_range(
                transform.get('transforms', ())
            )
            if found:
                return found
    return None
