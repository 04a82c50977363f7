"""Whether the processes of a run are one run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from mmengine.dist import get_world_size
from torch.utils.data import Dataset

from msvitreid.datasets.listing_digest import listing_digest
from msvitreid.engine.resume.experiment import shared_options
from msvitreid.errors import ConfigError, DatasetError
from msvitreid.utils.exchange import gather_strings

#: Differences that a sentence names.
MOST_NAMED = 5


def require_same_config(cfg: Mapping[str, Any]) -> None:
    """Check that all processes have the same config; each has to call this.

    Raises:
        ConfigError: they have not, on all of them; it names the ranks and the keys.
    """
    differences = _differences(shared_options(cfg))
    if differences:
        raise ConfigError(
            f'the processes have different configs: {differences}; start all of them with '
            'the same config and the same --cfg-options'
        )


def require_same_listing(dataset: Dataset[Any]) -> None:
    """Check that all processes read the same images and identities; each has to call this.

    Raises:
        DatasetError: they do not, on all of them; it names the ranks and what differs.
    """
    if get_world_size() == 1:
        return
    differences = _differences(listing_digest(dataset))
    if differences:
        split = getattr(dataset, 'split', None)
        name = type(dataset).__name__ + (f' {split}' if isinstance(split, str) else '')
        raise DatasetError(
            f'the processes read different data of {name}: {differences}; point data_root of '
            'every process at the same data'
        )


def _differences(own: Mapping[str, str]) -> str:
    """Where ranks differ from rank 0, the same text on all of them; '' if none does."""
    if get_world_size() == 1:
        return ''
    texts = gather_strings(np.array([json.dumps(dict(own), sort_keys=True)])).tolist()
    first, *others = (json.loads(text) for text in texts)
    found: list[str] = []
    for rank, other in enumerate(others, 1):
        for name in sorted(first.keys() | other.keys()):
            one, two = (values.get(name, 'not set') for values in (first, other))
            if one != two:
                found.append(f'{name} is {one} on rank 0 and {two} on rank {rank}')
    rest = len(found) - MOST_NAMED
    return ', '.join(found[:MOST_NAMED]) + (f' and {rest} more' if rest > 0 else '')
