"""Ranking in a gallery that is read from disk block by block, once.

A rank is one plus the number of gallery images that come before, so it can be counted block by
block as soon as the matches' own similarities are known; these are computed first, of the few
gallery rows that match any query.

BLAS may round the product of the same two vectors differently in products of other sizes, or
at their edges, and then an exact duplicate of a match would not tie with it. So all products of
a query have one size, blocks that are not full being filled up with zeros, and with a multiple
of 32 images they have no edges. Nor does a match meet itself in a block: a query's matches
are ordered among each other.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol, TypeGuard

import numpy as np
import torch

from .inputs import (
    Array,
    Labels,
    as_features,
    as_labels,
    as_matrix,
    check_whole,
    check_widths,
    require_finite,
    require_products,
)
from .market_rule import MarketRule
from .similarities_to_map import RankedMatches, count_above, count_tied_before, in_order
from .similarity import QUERY_CHUNK, check_similarities, inner_products

GALLERY_CHUNK = 8192
"""Gallery rows that are in memory at once."""


def rank_streamed_matches(
    query_features: Array,
    gallery_features: FeatureFile,
    query_pids: Labels,
    gallery_pids: Labels,
    query_camids: Labels | None = None,
    gallery_camids: Labels | None = None,
    query_chunk: int = QUERY_CHUNK,
    gallery_chunk: int = GALLERY_CHUNK,
    self_index: Labels | None = None,
) -> RankedMatches:
    """Rank a gallery that is too large for memory.

    The ranking is that of :func:`rank_metrics`. Memory: ``gallery_chunk`` gallery rows twice,
    ``query_chunk`` by ``gallery_chunk`` similarities twice, and 40 bytes for each pair of a
    query and a gallery image that matches it. The gallery is read once, rows with a match
    again for each chunk of queries that has it among its matches.

    Args:
        query_features: ``(Q, D)``; the work is done on their device.
        gallery_features: ``(G, D)``, of any float type.
        query_pids: ``(Q,)`` identities.
        gallery_pids: ``(G,)`` identities.
        query_camids: ``(Q,)`` cameras, or None.
        gallery_camids: ``(G,)`` cameras, or None; both or neither.
        query_chunk: queries handled at once.
        gallery_chunk: gallery images handled at once, a multiple of 32 if exact duplicates
            are to tie.
        self_index: ``(Q,)`` gallery index of each query's own image, which its ranking leaves
            out, -1 where it has none.

    Returns:
        The matches of all queries.

    Raises:
        ValueError: shapes disagree, a feature or similarity is not finite, or a chunk is below 1.
    """
    check_whole(query_chunk, 1, 'query_chunk')
    check_whole(gallery_chunk, 1, 'gallery_chunk')
    check_feature_file(gallery_features, 'gallery_features')
    query = as_features(query_features, 'query_features')
    check_widths(query.shape, gallery_features.shape)
    query_pids = as_labels(query_pids, len(query), 'query_pids')
    if query_camids is not None:
        query_camids = as_labels(query_camids, len(query), 'query_camids')

    if self_index is not None:
        self_index = as_labels(self_index, len(query), 'self_index')

    # Neighbors of one identity share their matches, of which few are then read twice.
    order = np.argsort(query_pids, kind='stable')
    query = query[torch.as_tensor(order, device=query.device)]
    camids = None if query_camids is None else query_camids[order]
    itself = None if self_index is None else self_index[order]
    rule = MarketRule(query_pids[order], gallery_pids, camids, gallery_camids, itself)
    rule.check_shape(len(query), gallery_features.shape[0])

    reader = BlockReader(gallery_features, gallery_chunk, query.device, 'gallery_features')
    chunks = [
        _chunk(query, reader, rule, start, query_chunk, gallery_chunk)
        for start in range(0, len(query), query_chunk)
    ]
    size = gallery_features.shape[0]
    for first in range(0, size, gallery_chunk):
        rows = slice(first, min(first + gallery_chunk, size))
        block = reader.read(rows)
        for chunk in chunks:
            similarity = inner_products(chunk.query, block)
            check_similarities(similarity, chunk.start)
            similarity[:, rows.stop - first :] = -torch.inf
            rule.mask_same_identity(similarity, chunk.start, first)
            chunk.add(similarity, first)
    require_products(reader.largest, 'gallery_features')
    parts = [chunk.ranks() for chunk in chunks]
    queries = np.concatenate([np.empty(0, dtype=np.int64), *(rows for rows, _ in parts)])
    ranks = np.concatenate([np.empty(0, dtype=np.int64), *(ranks for _, ranks in parts)])
    return in_order(order[queries], ranks, len(query))


class _Chunk(NamedTuple):
    """Some queries, their matches, and how many others have been found to come before."""

    start: int
    query: torch.Tensor
    rows: torch.Tensor
    columns: torch.Tensor
    values: torch.Tensor
    before: torch.Tensor

    def add(self, similarity: torch.Tensor, first: int) -> None:
        """Count what comes before in similarities to the gallery images from ``first`` on."""
        above, equal = count_above(similarity, self.rows, self.values)
        tied = equal.nonzero().squeeze(1)
        above[tied] += count_tied_before(
            similarity, self.rows[tied], self.columns[tied] - first, self.values[tied]
        )
        self.before.add_(above)

    def ranks(self) -> tuple[np.ndarray, np.ndarray]:
        """Query and rank of every match."""
        rows, columns, values, before = (
            tensor.cpu().numpy()
            for tensor in (self.rows, self.columns, self.values, self.before)
        )
        order = np.lexsort((columns, -values, rows))
        rows = rows[order]
        earlier_matches = np.arange(len(rows)) - np.searchsorted(rows, rows)
        return self.start + rows, before[order] + earlier_matches + 1


def _chunk(
    query: torch.Tensor,
    reader: BlockReader,
    rule: MarketRule,
    start: int,
    query_chunk: int,
    gallery_chunk: int,
) -> _Chunk:
    query = query[start : start + query_chunk]
    matches = rule.matches(start, start + len(query))
    rows, columns = (torch.as_tensor(index, device=query.device) for index in matches)
    values, before = query.new_empty(len(rows)), torch.zeros_like(columns)
    chunk = _Chunk(start, query, rows, columns, values, before)

    wanted, slots = np.unique(matches.columns, return_inverse=True)
    for first in range(0, len(wanted), gallery_chunk):
        similarity = inner_products(query, reader.read(wanted[first : first + gallery_chunk]))
        here = np.flatnonzero((slots >= first) & (slots < first + gallery_chunk))
        places, in_block = (
            torch.as_tensor(index, device=query.device) for index in (here, slots[here] - first)
        )
        values[places] = similarity[rows[places], in_block]
    return chunk


class FeatureFile(Protocol):
    """Rows read on demand: ``np.memmap``, ``h5py.Dataset`` and the like.

    An index is a slice, or ascending row numbers.
    """

    @property
    def shape(self) -> tuple[int, ...]: ...

    def __getitem__(self, rows: Any, /) -> Any: ...


def is_in_memory(features: object) -> TypeGuard[Array]:
    """Whether these are an array, a tensor, a list or a data frame, not rows in a file."""
    if isinstance(features, np.memmap):
        return False
    is_array = isinstance(features, (np.ndarray, torch.Tensor, list, tuple))
    return is_array or hasattr(features, 'to_numpy')


def check_feature_file(file: object, name: str) -> None:
    """Check that rows can be read from an object.

    Raises:
        ValueError: it has no shape, or its rows cannot be read by their index.
    """
    if not (isinstance(getattr(file, 'shape', None), tuple) and hasattr(file, '__getitem__')):
        raise ValueError(
            f'{name} must be an array of shape (N, D) or a file of rows such as np.memmap, got '
            f'{type(file).__name__}'
        )


class BlockReader:
    """Reads blocks of one size into the same memory.

    Args:
        file: ``(N, D)``, of any float type.
        length: rows of a block.
        device: where blocks are wanted.
        name: of the features, for errors.
    """

    def __init__(self, file: FeatureFile, length: int, device: torch.device, name: str) -> None:
        self._file = file
        self._block = torch.zeros(length, file.shape[1])
        self._device = device
        self._name = name
        self.largest = 0.0  # magnitude of all that was read

    def read(self, rows: slice | np.ndarray) -> torch.Tensor:
        """``(length, D)`` float32, zeros after the rows; valid until the next call.

        Raises:
            ValueError: a feature is not a real number or not finite.
        """
        read = as_matrix(self._file[rows], self._name, '(N, D)')
        self._block[: len(read)] = read
        self._block[len(read) :] = 0
        self.largest = max(self.largest, require_finite(self._block, self._name))
        return self._block.to(self._device)
