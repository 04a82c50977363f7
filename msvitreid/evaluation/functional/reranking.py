"""Two ways to let neighbors speak: k-reciprocal re-ranking and average query expansion.

k-reciprocal encoding: Zhong, Zheng, Cao and Li, "Re-ranking Person Re-identification with
k-reciprocal Encoding", CVPR 2017. Where the paper leaves a choice, the authors' released code is
followed, since re-ranked numbers in the literature come from it: squared Euclidean distances
divided by the largest of their row, an expansion that needs strictly more than two thirds in
common, memberships that sum to one.

Query expansion: Chum, Philbin, Sivic, Isard and Zisserman, "Total Recall", ICCV 2007 (the plain
average); Radenović, Tolias and Chum, "Fine-tuning CNN Image Retrieval with No Human Annotation",
TPAMI 2019 (weights that fall with similarity).
"""

from __future__ import annotations

from functools import partial
from numbers import Integral, Real
from typing import TYPE_CHECKING

import numpy as np
import torch

from .inputs import (
    NO_INDEX,
    Array,
    Labels,
    as_feature_pair,
    as_indices,
    check_range,
    check_whole,
    require_finite,
)
from .market_rule import Pairs, strike
from .on_device import to_host, upload
from .similarity import (
    BLOCK,
    QUERY_CHUNK,
    Neighbors,
    RowSplit,
    StackedRows,
    all_at_once,
    check_extremes,
    extremes,
    inner_products,
    nearest_neighbors,
    squared_distances,
    squared_norms,
    stable_topk,
)

if TYPE_CHECKING:
    from scipy.sparse import csr_array

#: As published, of ReIDMetric, ``--rerank`` and galleries too.
RERANK_DEFAULTS = {'k1': 20, 'k2': 6, 'lambda_value': 0.3}
EXPANSION_DEFAULTS = {'k': 10, 'alpha': 3.0}

_PAIRS = 1 << 12
"""Feature pairs gathered at once for their distances."""

_MIXED = 32
"""Queries whose two distances are mixed at once, few enough to stay in the caches."""


def k_reciprocal_rerank(
    query_features: Array,
    gallery_features: Array,
    k1: int = int(RERANK_DEFAULTS['k1']),
    k2: int = int(RERANK_DEFAULTS['k2']),
    lambda_value: float = RERANK_DEFAULTS['lambda_value'],
    self_index: Labels | None = None,
) -> np.ndarray:
    """Distances from every query to the gallery, re-ranked.

    Memory grows with ``(Q + G) * k1 * k2`` plus the result, and with how many images share a
    neighbor where some are neighbors of very many; see :class:`KReciprocalDistances` for
    blocks of it.

    An image with ``k1`` or more exact duplicates may be missing among its own neighbors, as in
    the authors' code; with ``k2`` of 1 its duplicates are then not all at distance 0.

    Args:
        query_features: ``(Q, D)``, of length 1 or near it: squared distances are taken from
            norms and products in float32, which says little about points that lie much
            closer to each other than to the origin.
        gallery_features: ``(G, D)``.
        k1: neighbors that must find each other.
        k2: neighbors whose encodings are averaged (local query expansion).
        lambda_value: weight of the original distance, from 0 to 1.
        self_index: ``(Q,)`` gallery index of each query's own image, -1 where it has none. The
            two are one image then, which is nobody's neighbor twice; its features are the
            gallery's. Give the same to :func:`rank_metrics_from_similarity`, which leaves it
            out of the ranking.

    Returns:
        ``(Q, G)`` float32, smaller is more similar.

    Raises:
        ValueError: a parameter is out of its range, shapes disagree, there is no image, or a
            feature or its squared length is not finite.
    """
    distances = KReciprocalDistances(
        query_features, gallery_features, k1, k2, lambda_value, self_index=self_index
    )
    reranked = np.empty((distances.num_queries, distances.num_gallery), dtype=np.float32)
    for start in range(0, distances.num_queries, QUERY_CHUNK):
        stop = min(start + QUERY_CHUNK, distances.num_queries)
        reranked[start:stop] = distances.rows(start, stop)
    return reranked


class KReciprocalDistances:
    """Re-ranked distances, handed out in blocks of queries.

    Neighborhoods and encodings are sparse: ``Q + G`` rows with tens of entries.

    Args:
        query_features: ``(Q, D)``.
        gallery_features: ``(G, D)``.
        k1: neighbors that must find each other.
        k2: neighbors whose encodings are averaged.
        lambda_value: weight of the original distance, from 0 to 1.
        split: divides the search for neighbors, which is most of the work.
        self_index: as in :func:`k_reciprocal_rerank`.

    Raises:
        ValueError: as :func:`k_reciprocal_rerank`.
    """

    def __init__(
        self,
        query_features: Array,
        gallery_features: Array,
        k1: int = int(RERANK_DEFAULTS['k1']),
        k2: int = int(RERANK_DEFAULTS['k2']),
        lambda_value: float = RERANK_DEFAULTS['lambda_value'],
        split: RowSplit = all_at_once,
        self_index: Labels | None = None,
    ) -> None:
        check_rerank_parameters(k1, k2, lambda_value)
        query, gallery = as_feature_pair(query_features, gallery_features)
        self.num_queries, self.num_gallery = len(query), len(gallery)
        if not self.num_queries + self.num_gallery:
            raise ValueError('there is no image to re-rank')
        itself = np.full(self.num_queries, NO_INDEX)
        if self_index is not None:
            itself = as_indices(self_index, self.num_queries, self.num_gallery, 'self_index')
        alone = itself == NO_INDEX
        if not alone.all():
            query = query[torch.as_tensor(alone, device=query.device)]
        self._first_of_gallery = len(query)
        # Where each query stands among the images: those in the gallery are there only.
        self._items = np.where(alone, np.cumsum(alone) - 1, self._first_of_gallery + itself)
        self._features = StackedRows(query, gallery)
        self._norms = torch.cat([squared_norms(query), squared_norms(gallery)])
        require_finite(self._norms, 'the vector of squared feature lengths')
        self._lambda = lambda_value

        count = len(self._features)
        k = min(max(k1 + 1, k2), count)
        search = partial(nearest_neighbors, self._features, self._norms, k)
        nearest = Neighbors(*split(search, count, BLOCK))
        neighbors = nearest.indices
        # All items may coincide; then every distance is 0 whatever it is divided by.
        self._largest = np.where(nearest.largest > 0, nearest.largest, np.float32(1))
        reciprocal = _reciprocal(neighbors[:, : k1 + 1])
        half = _reciprocal(neighbors[:, : int(np.around(k1 / 2)) + 1])
        encodings = self._encode(_expand(reciprocal, half), nearest)
        if k2 > 1:
            encodings = _adjacency(neighbors[:, :k2]) @ encodings
            encodings.data /= min(k2, count)
        self._query_encodings = encodings[self._items]
        self._gallery_by_member = encodings[self._first_of_gallery :].T.tocsr()

    def rows(self, start: int, stop: int) -> np.ndarray:
        """``(stop - start, G)`` float32 distances of the queries ``start`` to ``stop``."""
        features, norms, gallery = self._features, self._norms, self._first_of_gallery
        items = self._items[start:stop]
        of_items = norms[upload(items, features.device)]
        squared = squared_distances(
            features[items], features[gallery:], of_items, norms[gallery:]
        )
        # Mixed on the CPU, where the encodings are.
        distances = squared.cpu()
        scale = torch.from_numpy(self._lambda / self._largest[items, None])
        for first in range(0, stop - start, _MIXED):
            part = slice(first, first + _MIXED)
            overlap = self._overlap(start + first, min(start + first + _MIXED, stop))
            jaccard = 1 - overlap / (2 - overlap)
            distances[part].mul_(scale[part]).add_(jaccard, alpha=1 - self._lambda)
        return distances.numpy()

    def _encode(self, members: csr_array, nearest: Neighbors) -> csr_array:
        """Gaussian memberships of each item's neighborhood, summing to one a row."""
        count = members.shape[0]
        rows = np.repeat(np.arange(count), np.diff(members.indptr))
        squared = self._member_distances(rows, members.indices, nearest)
        weights = np.exp(-squared / self._largest[rows])
        totals = np.bincount(rows, weights=weights, minlength=count)
        encodings = members.copy()
        encodings.data = (weights / totals[rows]).astype(np.float32)
        return encodings

    def _member_distances(
        self, rows: np.ndarray, columns: np.ndarray, nearest: Neighbors
    ) -> np.ndarray:
        """Squared distances of pairs; the search has met all but a few."""
        count = len(self._features)
        known = (np.arange(count)[:, None] * count + nearest.indices).ravel()
        order = known.argsort()
        known, wanted = known[order], rows.astype(np.int64) * count + columns
        places = np.searchsorted(known, wanted).clip(max=len(known) - 1)
        squared = nearest.distances.ravel()[order[places]]
        unknown = np.flatnonzero(known[places] != wanted)
        features, norms = self._features, self._norms
        for start in range(0, len(unknown), _PAIRS):
            pairs = unknown[start : start + _PAIRS]
            left, right = rows[pairs], columns[pairs].astype(np.int64)
            products = torch.linalg.vecdot(features[left], features[right])
            sums = norms[upload(left, features.device)] + norms[upload(right, features.device)]
            (squared[pairs],) = to_host((sums - 2 * products).clamp_(min=0))
        return squared

    def _overlap(self, start: int, stop: int) -> torch.Tensor:
        """Sum over members of the smaller membership, for every pair, float32.

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
        sums = np.bincount(cells, weights=smaller, minlength=size)
        return torch.from_numpy(sums).float().view(stop - start, self.num_gallery)


def check_rerank_parameters(k1: int, k2: int, lambda_value: float) -> None:
    """Check the parameters of re-ranking.

    Raises:
        ValueError: a parameter is out of its range.
    """
    for name, value in (('k1', k1), ('k2', k2)):
        if isinstance(value, bool) or not (isinstance(value, Integral) and value >= 1):
            raise ValueError(f'{name} must be a whole number from 1 on, got {value!r}')
    is_number = isinstance(lambda_value, Real) and not isinstance(lambda_value, bool)
    if not (is_number and 0 <= lambda_value <= 1):
        raise ValueError(f'lambda_value must be a number from 0 to 1, got {lambda_value!r}')


def _adjacency(neighbors: np.ndarray) -> csr_array:
    """``(N, N)`` matrix with a one at each item's neighbors."""
    from scipy.sparse import csr_array

    count, k = neighbors.shape
    ones = np.ones(count * k, dtype=np.float32)
    pointers = np.arange(0, count * k + 1, k)
    return csr_array((ones, neighbors.ravel(), pointers), shape=(count, count))


def _reciprocal(neighbors: np.ndarray) -> csr_array:
    """Ones where two items are in each other's list."""
    adjacency = _adjacency(neighbors)
    return adjacency.multiply(adjacency.T.tocsr()).tocsr()


def _expand(reciprocal: csr_array, half: csr_array) -> csr_array:
    """Add a member's own half-size neighborhood if most of it is already in."""
    common = (reciprocal @ half.T).multiply(reciprocal).tocsr()
    half_sizes = np.diff(half.indptr)
    common.data = (3 * common.data > 2 * half_sizes[common.indices]).astype(np.float32)
    common.eliminate_zeros()
    return (reciprocal + common @ half).tocsr()


def expand_queries(
    query_features: Array,
    gallery_features: Array,
    k: int = int(EXPANSION_DEFAULTS['k']),
    alpha: float = EXPANSION_DEFAULTS['alpha'],
    self_index: Labels | None = None,
    start: int = 0,
    stop: int | None = None,
    query_chunk: int = QUERY_CHUNK,
) -> np.ndarray:
    """Each query moved towards its nearest gallery images: the weighted sum, of unit length.

    The query has weight 1 and a gallery image of similarity s has ``max(s, 0) ** alpha``; with
    an ``alpha`` of 0 that is 1 whatever s, the plain average. No label is looked at. Rank the
    gallery for the expanded queries as for any.

    Args:
        query_features: ``(Q, D)``, of unit length.
        gallery_features: ``(G, D)``, of unit length.
        k: nearest gallery images that are added; all of them if there are fewer.
        alpha: exponent of their weights, at least 0.
        self_index: ``(Q,)`` gallery index of each query's own image, which is not added, -1
            where it has none.
        start: the first query that is expanded.
        stop: one past the last; by default all from ``start`` on are.
        query_chunk: queries handled at once; does not change the result.

    Returns:
        ``(stop - start, D)`` float32, of unit length, or 0 where a sum is.

    Raises:
        ValueError: shapes disagree, a feature, a similarity or a sum is not finite, or a
            parameter is out of its range.
    """
    check_expansion_parameters(k, alpha)
    check_whole(query_chunk, 1, 'query_chunk')
    query, gallery = as_feature_pair(query_features, gallery_features)
    stop = len(query) if stop is None else stop
    check_range(start, stop, len(query))
    if self_index is not None:
        self_index = as_indices(self_index, len(query), len(gallery), 'self_index')
    expanded = np.empty((stop - start, query.shape[1]), dtype=np.float32)
    for first in range(start, stop, query_chunk):
        last = min(first + query_chunk, stop)
        similarity = inner_products(query[first:last], gallery)
        limits = extremes(similarity)
        if self_index is not None:
            rows = np.flatnonzero(self_index[first:last] >= 0)
            itself = Pairs(rows, self_index[first:last][rows])
            strike(similarity, itself, np.empty(0, dtype=np.int64))
        values, columns = stable_topk(similarity, min(int(k), len(gallery)))
        weights = values.clamp(min=0) ** alpha
        weights.masked_fill_(values == -torch.inf, 0)  # the query itself
        added = [w @ gallery[c] for w, c in zip(weights, columns, strict=True)]
        sums = query[first:last] + torch.stack(added)
        unit = torch.nn.functional.normalize(sums, dim=1)
        of_block, of_values, is_finite = to_host(unit, limits, torch.isfinite(sums).all())
        check_extremes(of_values, first, last - first)
        if not is_finite:
            raise ValueError('expanded queries hold NaN or infinite values: normalize features')
        expanded[first - start : last - start] = of_block
    return expanded


def check_expansion_parameters(k: int, alpha: float) -> None:
    """Check the parameters of query expansion.

    Raises:
        ValueError: a parameter is out of its range.
    """
    check_whole(k, 1, 'k')
    is_number = isinstance(alpha, Real) and not isinstance(alpha, bool)
    if not (is_number and 0 <= alpha < float('inf')):
        raise ValueError(f'alpha must be a number from 0 on, got {alpha!r}')
