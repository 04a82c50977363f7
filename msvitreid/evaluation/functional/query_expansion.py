"""Average query expansion, another way than re-ranking to let neighbors speak.

Chum, Philbin, Sivic, Isard and Zisserman, "Total Recall", ICCV 2007 (the plain average);
Radenović, Tolias and Chum, "Fine-tuning CNN Image Retrieval with No Human Annotation", TPAMI 2019
(weights that fall with similarity).
"""

from __future__ import annotations

from numbers import Real

import numpy as np
import torch

from .inputs import Array, Labels, as_feature_pair, as_indices, check_range, check_whole
from .similarity import QUERY_CHUNK, check_similarities, inner_products, stable_topk


def expand_queries(
    query_features: Array,
    gallery_features: Array,
    k: int = 10,
    alpha: float = 3.0,
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
        check_similarities(similarity, first)
        if self_index is not None:
            rows = np.flatnonzero(self_index[first:last] >= 0)
            similarity[rows, self_index[first:last][rows]] = -torch.inf
        values, columns = stable_topk(similarity, min(int(k), len(gallery)))
        weights = values.clamp(min=0) ** alpha
        weights[values == -torch.inf] = 0  # the query itself
        added = [w @ gallery[c] for w, c in zip(weights, columns, strict=True)]
        sums = query[first:last] + torch.stack(added)
        unit = torch.nn.functional.normalize(sums, dim=1)
        if not torch.isfinite(sums).all():
            raise ValueError('expanded queries hold NaN or infinite values: normalize features')
        expanded[first - start : last - start] = unit.cpu().numpy()
    return expanded


def check_expansion_parameters(k: int, alpha: float) -> None:
    """Raises:
    ValueError: a parameter is out of its range.
    """
    check_whole(k, 1, 'k')
    is_number = isinstance(alpha, Real) and not isinstance(alpha, bool)
    if not (is_number and 0 <= alpha < float('inf')):
        raise ValueError(f'alpha must be a number from 0 on, got {alpha!r}')
