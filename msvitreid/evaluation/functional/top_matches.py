from __future__ import annotations

import numpy as np
import torch

from .inner_products import check_similarities, inner_products
from .inputs import Array, Labels, as_feature_pair, check_whole
from .market_rule import MarketRule
from .row_ranges import QUERY_CHUNK
from .stable_topk import stable_topk


def top_matches(
    query_features: Array,
    gallery_features: Array,
    k: int,
    query_pids: Labels,
    gallery_pids: Labels,
    query_camids: Labels | None = None,
    gallery_camids: Labels | None = None,
    query_chunk: int = QUERY_CHUNK,
    self_index: Labels | None = None,
) -> np.ndarray:
    """The first ``k`` gallery images of every query's ranking, for pictures.

    The ranking is that of :func:`rank_metrics`: inner products of the features as
    given, the lower index first in ties, the same images left out.

    Args:
        query_features: ``(Q, D)``.
        gallery_features: ``(G, D)``.
        k: how many.
        query_pids: ``(Q,)`` identities.
        gallery_pids: ``(G,)`` identities.
        query_camids: ``(Q,)`` cameras, or None.
        gallery_camids: ``(G,)`` cameras, or None; both or neither.
        query_chunk: queries handled at once; does not change the result.
        self_index: ``(Q,)`` gallery index of each query's own image, which its ranking leaves
            out, -1 where it has none.

    Returns:
        ``(Q, k)`` int64 gallery indices, best first, -1 where a query has fewer
        images to rank.

    Raises:
        ValueError: shapes disagree, a feature or similarity is not finite, ``query_chunk`` is
            below 1 or ``k`` below 0.
    """
    check_whole(query_chunk, 1, 'query_chunk')
    check_whole(k, 0, 'k')
    query, gallery = as_feature_pair(query_features, gallery_features)
    rule = MarketRule(query_pids, gallery_pids, query_camids, gallery_camids, self_index)
    rule.check_shape(len(query), len(gallery))
    found = np.full((len(query), k), -1, dtype=np.int64)
    width = min(k, len(gallery))
    for start in range(0, len(query), query_chunk):
        similarity = inner_products(query[start : start + query_chunk], gallery)
        check_similarities(similarity, start)
        rule.apply(similarity, start)
        values, columns = stable_topk(similarity, width)
        columns = columns.masked_fill(values == -torch.inf, -1)
        found[start : start + query_chunk, :width] = columns.cpu().numpy()
    return found
