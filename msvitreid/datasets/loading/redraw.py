from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from msvitreid.errors import DatasetError

if TYPE_CHECKING:
    from msvitreid.datasets.base import ReIDDataset

NAMED_FILES = 3


def load_or_redraw(
    dataset: ReIDDataset, load: Callable[[int], dict[str, Any]], index: int
) -> dict[str, Any]:
    """``load(index)`` or, if that file is unreadable, of another image of the identity.

    The others are tried in random order. What is returned says which files could not be
    read, a tuple of paths called ``unreadable``: metainfo of its data sample, with which it
    reaches the training process from whatever process loads; if the pipeline packs none, an
    item of the dict.

    Args:
        dataset: of the split 'train'.
        load: gives the transformed entry of an index, or raises ``DatasetError``.
        index: of the wanted image.

    Raises:
        DatasetError: no image of the identity can be read.
    """
    unreadable: list[str] = []
    for candidate in _candidates(dataset, index):
        try:
            item = load(candidate)
        except DatasetError:
            unreadable.append(dataset.get_data_info(candidate)['img_path'])
        else:
            return _marked(item, tuple(unreadable)) if unreadable else item
    entry = dataset.get_data_info(index)
    files = ', '.join(unreadable[:NAMED_FILES]) + (', ...' if unreadable[NAMED_FILES:] else '')
    raise DatasetError(
        f'{entry.get("dataset", dataset.name)}: none of the {len(unreadable)} images of '
        f'identity {dataset.id_names.pid(entry["pid"])} can be read ({files}); restore them '
        'or take the identity out of the dataset'
    )


def _candidates(dataset: ReIDDataset, index: int) -> Iterator[int]:
    """The index, then those of the other images of its identity in random order."""
    yield index
    # Reading all labels takes microseconds an image, and unreadable files are few.
    labels = dataset.labels
    same = np.flatnonzero(labels == labels[index])
    # The global state, as in the transforms: the training loop seeds it for every image, so
    # a run that is repeated or resumed draws the same.
    yield from np.random.permutation(same[same != index]).tolist()  # noqa: NPY002


def _marked(item: dict[str, Any], unreadable: tuple[str, ...]) -> dict[str, Any]:
    if 'data_samples' not in item:
        return {**item, 'unreadable': unreadable}
    item['data_samples'].set_metainfo({'unreadable': unreadable})
    return item
