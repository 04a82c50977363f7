"""k-reciprocal encoding: Zhong, Zheng, Cao and Li, "Re-ranking Person
Re-identification with k-reciprocal Encoding", CVPR 2017.

Where the paper leaves a choice, the authors' released code is followed, since
re-ranked numbers in the literature come from it: squared Euclidean distances
divided by the largest of their row, an expansion that needs strictly more than
two thirds in common, memberships that sum to one.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import torch

from .inputs import Array, as_feature_pair
from .row_ranges import RowSplit, all_at_once
from .stable_topk import stable_topk

if TYPE_CHECKING:
    from scipy.sparse import csr_array

_ROWS = 128
"""Rows of a distance block held at once."""

_PAIRS = 1 << 14
"""Feature pairs gathered at once for their distances."""


def k_reciprocal_rerank(
    query_features: Array,
    gallery_features: Array,
    k1: int = 20,
    k2: int = 6,
    lambda_value: float = 0.3,
) -> np.ndarray:
    """Distances from every query to the gallery, re-ranked.

    Memory grows with ``(Q + G) * k1 * k2`` plus the result; see
    :class:`KReciprocalDistances` for blocks of it.

    Args:
        query_features: ``(Q, D)``.
        gallery_features: ``(G, D)``.
        k1: neighbours that must find each other.
        k2: neighbours whose encodings are averaged (local query expansion).
        lambda_value: weight of the original distance, from 0 to 1.

    Returns:
        ``(Q, G)`` float32, smaller is more similar.

    Raises:
        ValueError: a parameter is out of its range, shapes disagree or a feature
            is not finite.
    """
    distances = KReciprocalDistances(query_features, gallery_features, k1, k2, lambda_value)
    blocks = [
        distances.rows(start, min(start + _ROWS, distances.num_queries))
        for start in range(0, distances.num_queries, _ROWS)
    ]
    return np.concatenate([np.empty((0, distances.num_gallery), np.float32), *blocks])


class KReciprocalDistances:
    """Re-ranked distances, handed out in blocks of queries.

    Neighbourhoods and encodings are sparse: ``Q + G`` rows with tens of entries.

    Args:
        query_features: ``(Q, D)``.
        gallery_features: ``(G, D)``.
        k1: neighbours that must find each other.
        k2: neighbours whose encodings are averaged.
        lambda_value: weight of the original distance, from 0 to 1.
        split: divides the search for neighbours, which is most of the work.

    Raises:
        ValueError: as :func:`k_reciprocal_rerank`.
    """

    def __init__(
        self,
        query_features: Array,
        gallery_features: Array,
        k1: int = 20,
        k2: int = 6,
        lambda_value: float = 0.3,
        split: RowSplit = all_at_once,
    ) -> None:
        check_rerank_parameters(k1, k2, lambda_value)
        self._query, self._gallery = as_feature_pair(query_features, gallery_features)
        self.num_queries, self.num_gallery = len(self._query), len(self._gallery)
        self._gallery_norms = _squared_norms(self._gallery)
        self._lambda = lambda_value

        features = torch.cat([self._query, self._gallery])
        search = partial(_neighbours, features, max(k1 + 1, k2))
        neighbours, self._largest = split(search, len(features), _ROWS)
        reciprocal = _reciprocal(neighbours[:, : k1 + 1])
        half = _reciprocal(neighbours[:, : int(np.around(k1 / 2)) + 1])
        encodings = _encode(features, self._largest, _expand(reciprocal, half))
        if k2 > 1:
            nearest = _adjacency(neighbours[:, :k2])
            encodings = nearest @ encodings / min(k2, len(features))
        self._query_encodings = encodings[: self.num_queries]
        self._gallery_by_member = encodings[self.num_queries :].T.tocsr()

    def rows(self, start: int, stop: int) -> np.ndarray:
        """``(stop - start, G)`` float32 distances of these queries."""
        squared = _squared_distances(
            self._query[start:stop], self._gallery, self._gallery_norms
        )
        original = squared.cpu().numpy() / self._largest[start:stop, None]
        overlap = self._overlap(start, stop)
        jaccard = 1 - overlap / (2 - overlap)
        mixed = (1 - self._lambda) * jaccard + self._lambda * original
        return mixed.astype(np.float32)

    def _overlap(self, start: int, stop: int) -> np.ndarray:
        """Sum over members of the smaller membership, for every pair.

        Memberships sum to one, so the larger ones sum to 2 minus this.
        """
        query, gallery = self._query_encodings[start:stop], self._gallery_by_member
        counts = np.diff(gallery.indptr)[query.indices]
        shift = gallery.indptr[query.indices] - (np.cumsum(counts) - counts)
        entries = np.repeat(shift, counts) + np.arange(counts.sum())
        rows = np.repeat(np.arange(stop - start), np.diff(query.indptr))
        smaller = np.minimum(np.repeat(query.data, counts), gallery.data[entries])
        cells = np.repeat(rows, counts) * self.num_gallery + gallery.indices[entries]
        size = (stop - start) * self.num_gallery
        return np.bincount(cells, weights=smaller, minlength=size).reshape(stop - start, -1)


def check_rerank_parameters(k1: int, k2: int, lambda_value: float) -> None:
    """Raises:
    ValueError: a parameter is out of its range.
    """
    if k1 < 1 or k2 < 1:
        raise ValueError(f'k1 and k2 must be at least 1, got {k1} and {k2}')
    if not 0 <= lambda_value <= 1:
        raise ValueError(f'lambda_value must be from 0 to 1, got {lambda_value}')


def _squared_norms(features: torch.Tensor) -> torch.Tensor:
    return features.square().sum(dim=1)


def _squared_distances(
    left: torch.Tensor, right: torch.Tensor, right_norms: torch.Tensor
) -> torch.Tensor:
    norms = _squared_norms(left)[:, None] + right_norms
    return torch.addmm(norms, left, right.T, alpha=-2).clamp_(min=0)


def _neighbours(
    features: torch.Tensor, k: int, start: int, stop: int
) -> tuple[np.ndarray, np.ndarray]:
    """``(B, k)`` nearest items of a range's items, itself included, and ``(B,)`` largest
    distances."""
    norms = _squared_norms(features)
    neighbours = np.empty((stop - start, min(k, len(features))), dtype=np.int64)
    largest = np.empty(stop - start, dtype=np.float32)
    for block_start in range(start, stop, _ROWS):
        block = slice(block_start, min(block_start + _ROWS, stop))
        squared = _squared_distances(features[block], features, norms)
        squared.diagonal(block_start).fill_(0)
        done = slice(block.start - start, block.stop - start)
        # All items may coincide; then every distance is 0 whatever it is divided by.
        largest[done] = squared.amax(dim=1).clamp(min=1e-12).cpu().numpy()
        neighbours[done] = stable_topk(squared.neg_(), neighbours.shape[1])[1].cpu().numpy()
    return neighbours, largest


def _adjacency(neighbours: np.ndarray) -> csr_array:
    """``(N, N)`` matrix with a one at each item's neighbours."""
    from scipy.sparse import csr_array

    count, k = neighbours.shape
    ones = np.ones(count * k, dtype=np.float32)
    pointers = np.arange(0, count * k + 1, k)
    return csr_array((ones, neighbours.ravel(), pointers), shape=(count, count))


def _reciprocal(neighbours: np.ndarray) -> csr_array:
    """Ones where two items are in each other's list."""
    adjacency = _adjacency(neighbours)
    return adjacency.multiply(adjacency.T.tocsr()).tocsr()


def _expand(reciprocal: csr_array, half: csr_array) -> csr_array:
    """Add a member's own half-size neighbourhood if most of it is already in."""
    common = (reciprocal @ half.T).multiply(reciprocal).tocsr()
    half_sizes = np.diff(half.indptr)
    common.data = (3 * common.data > 2 * half_sizes[common.indices]).astype(np.float32)
    common.eliminate_zeros()
    return (reciprocal + common @ half).tocsr()


def _encode(features: torch.Tensor, largest: np.ndarray, members: csr_array) -> csr_array:
    """Gaussian memberships of each item's neighbourhood, summing to one a row."""
    rows = np.repeat(np.arange(members.shape[0]), np.diff(members.indptr))
    weights = np.empty(len(rows), dtype=np.float32)
    for start in range(0, len(rows), _PAIRS):
        pairs = slice(start, start + _PAIRS)
        left = features[torch.as_tensor(rows[pairs], device=features.device)]
        right = features[torch.as_tensor(members.indices[pairs], device=features.device)]
        squared = (left - right).square().sum(dim=1).cpu().numpy()
        weights[pairs] = np.exp(-squared / largest[rows[pairs]])
    totals = np.bincount(rows, weights=weights, minlength=members.shape[0])
    encodings = members.copy()
    encodings.data = (weights / totals[rows]).astype(np.float32)
    return encodings
