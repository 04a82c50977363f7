from __future__ import annotations

import hashlib
import os
from typing import NamedTuple

import numpy as np
import torch

from msvitreid.errors import DatasetError, ReIDError
from msvitreid.utils.exchange import gather_batches, gather_rows, gather_strings

NO_FILE = 0


def file_id(path: str | None) -> int:
    """A number for a path, the same in every process, so that paths need not be exchanged.

    Of a million paths two have one number with a chance of 1 in 10 million.
    """
    if not path:
        return NO_FILE
    digest = hashlib.blake2b(os.fsencode(path), digest_size=8).digest()
    return int.from_bytes(digest, 'big', signed=True) or 1


class Embeddings(NamedTuple):
    """Embedded images with what is known of them, ``N`` of them.

    Attributes:
        features: ``(N, D)`` float32 tensor on the CPU.
        pids: ``(N,)`` identities.
        camids: ``(N,)`` cameras, -1 where unknown.
        sample_idx: ``(N,)`` positions in the dataset.
        is_query: ``(N,)`` booleans.
        files: ``(N,)`` int64 that are equal where the paths are, ``NO_FILE`` where unknown.
        datasets: ``(N,)`` names of the test sets they belong to; '' where there is one.
    """

    features: torch.Tensor
    pids: np.ndarray
    camids: np.ndarray
    sample_idx: np.ndarray
    is_query: np.ndarray
    files: np.ndarray
    datasets: np.ndarray

    def where(self, keep: np.ndarray) -> Embeddings:
        """The images that the mask selects; a view where they lie together."""
        kept = np.flatnonzero(keep)
        selected: slice | np.ndarray = kept
        if len(kept) and kept[-1] - kept[0] == len(kept) - 1:
            # A dataset lists its gallery in one piece, and that can be a gigabyte.
            selected = slice(kept[0], kept[-1] + 1)
        return Embeddings(self.features[selected], *(field[selected] for field in self[1:]))


def gather_embeddings(batches: list[Embeddings]) -> Embeddings:
    """The batches of all processes in dataset order, every image once, on every process.

    Samplers of distributed evaluation repeat images to give each process as many; of
    an image's embeddings the lowest rank's counts.

    Memory: the result and the batches of this process, which are let go one by one.

    Args:
        batches: of this process, also none; the list is emptied.

    Raises:
        DatasetError: no process has an image, or two different images carry the same
            ``sample_idx``.
        ReIDError: embeddings are not all of one length.
    """
    labels, datasets = _gather_labels(batches)
    widths = [batch.features.shape[1] for batch in batches]
    width = _only_width(np.concatenate(gather_rows(np.array(widths, dtype=np.int64))))
    kept = _first_of_each(labels, datasets)
    places = np.full(len(labels), -1)
    places[kept] = np.arange(len(kept))

    features = torch.empty(len(kept), width)
    own_features = [batch.features for batch in batches]
    batches.clear()
    for start, rows in gather_batches(own_features, width):
        place = torch.from_numpy(places[start : start + len(rows)])
        is_kept = place >= 0
        features[place[is_kept]] = rows[is_kept]
    pids, camids, sample_idx, is_query, files = labels[kept].T
    return Embeddings(
        features, pids, camids, sample_idx, is_query.astype(bool), files, datasets[kept]
    )


def _gather_labels(batches: list[Embeddings]) -> tuple[np.ndarray, np.ndarray]:
    """``(N, 5)`` int64 labels of all processes' images, and ``(N,)`` test set names."""
    own_labels, own_datasets = [np.empty((0, 5), np.int64)], [np.empty(0, np.str_)]
    for batch in batches:
        fields = (batch.pids, batch.camids, batch.sample_idx, batch.is_query, batch.files)
        own_labels.append(np.stack(fields, axis=1))
        own_datasets.append(batch.datasets)
    labels = gather_rows(np.concatenate(own_labels))
    return np.concatenate(labels), gather_strings(np.concatenate(own_datasets))


def _only_width(widths: np.ndarray) -> int:
    """Check that all embeddings have one dimension.

    Raises:
        DatasetError: there is none.
        ReIDError: there are several.
    """
    distinct = np.unique(widths)
    if not len(distinct):
        raise DatasetError('nothing to evaluate: the test dataset gave no image')
    if len(distinct) > 1:
        raise ReIDError(
            f'the model gave embeddings of {distinct[0]} and of {distinct[-1]} numbers, but '
            'only those of one length can be compared: give all test images the same model'
        )
    return int(distinct[0])


def _first_of_each(labels: np.ndarray, datasets: np.ndarray) -> np.ndarray:
    """Where the images stand, by rising ``sample_idx``, each only once.

    Raises:
        DatasetError: two different images carry the same ``sample_idx``.
    """
    order = np.argsort(labels[:, 2], kind='stable')
    labels, datasets = labels[order], datasets[order]
    repeated = np.append(False, labels[1:, 2] == labels[:-1, 2])
    differs = (labels[1:] != labels[:-1]).any(axis=1) | (datasets[1:] != datasets[:-1])
    conflicts = repeated & np.append(False, differs)
    if conflicts.any():
        raise DatasetError(
            f'two different images carry sample_idx {labels[conflicts][0, 2]}: '
            'give query and gallery as one dataset, not concatenated ones'
        )
    return order[~repeated]
