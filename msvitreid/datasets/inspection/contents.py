from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from msvitreid.datasets.base import ReIDDataset
from msvitreid.datasets.counts import SplitStatistics
from msvitreid.errors import ConfigError
from msvitreid.registry import DATASETS


@dataclass
class Contents:
    """The splits of one dataset in one folder, as they were read.

    Attributes:
        name: the dataset's name.
        kind: the name of its class.
        root: the dataset's own folder.
        splits: entries of each split that was read.
        expected: the counts that each split is known to have; none if counts are ignored.
        counts_must_agree: whether a count that differs from a certain one is a fault.
    """

    name: str
    kind: str
    root: Path
    splits: dict[str, list[dict]]
    expected: Mapping[str, SplitStatistics]
    counts_must_agree: bool

    @property
    def is_self_retrieval(self) -> bool:
        """Whether test images are found by one another."""
        return 'query' in self.splits and 'gallery' not in self.splits

    @property
    def train(self) -> list[dict]:
        """Training entries."""
        return self.splits.get('train', [])

    @property
    def test(self) -> list[dict]:
        """Queries, then gallery."""
        return [*self.splits.get('query', []), *self.splits.get('gallery', [])]


def read_contents(configs: Iterable[Mapping[str, Any]]) -> list[Contents]:
    """Read datasets without their images; training and test set of one folder belong together.

    Args:
        configs: dataset configs, as a data loader has them; their pipelines are not used.

    Raises:
        ConfigError: a config builds something that is no :class:`ReIDDataset`.
        DatasetError: a root is missing, a split is empty, a list or name cannot be read.
    """
    found: list[Contents] = []
    for config in configs:
        contents = _read(config)
        for other in found:
            same_set = (other.kind, other.root) == (contents.kind, contents.root)
            if same_set and not other.splits.keys() & contents.splits.keys():
                # The training set of a dataset with several test sets names none of them.
                other.name = max(other.name, contents.name, key=len)
                other.splits |= contents.splits
                other.expected = {**other.expected, **contents.expected}
                break
        else:
            found.append(contents)
    return found


def _read(config: Mapping[str, Any]) -> Contents:
    counts = config.get('on_count_mismatch', 'error')
    # Read anew, whatever earlier runs have listed.
    asked = {'pipeline': [], 'on_count_mismatch': 'ignore', 'listing_cache': False}
    dataset = DATASETS.build({**config, **asked})
    if not isinstance(dataset, ReIDDataset):
        raise ConfigError(
            f'dataset {type(dataset).__name__} is no ReIDDataset, so its files are not known; '
            'name another dataset or config'
        )
    dataset.full_init()
    splits: dict[str, list[dict]] = {}
    for index in range(len(dataset)):
        entry = dataset.get_data_info(index)
        splits.setdefault(entry['split'], []).append(entry)
    expected = {split: dataset.expected.get(split, SplitStatistics()) for split in splits}
    return Contents(
        name=dataset.name,
        kind=type(dataset).__name__,
        root=dataset.find_root(),
        splits=splits,
        expected={} if counts == 'ignore' else expected,
        counts_must_agree=counts == 'error',
    )
