"""k-reciprocal encoding with dense N x N matrices, item by item.

Zhong, Zheng, Cao and Li, CVPR 2017, in the arrangement that is usual in NumPy: one matrix of
distances and one of memberships over queries and gallery together, full sorts, and an inverted
index for the overlaps.
"""

from __future__ import annotations

import numpy as np


def k_reciprocal_rerank(
    query: np.ndarray, gallery: np.ndarray, k1: int = 20, k2: int = 6, lambda_value: float = 0.3
) -> np.ndarray:
    """``(Q, G)`` re-ranked distances of float32 features."""
    features = np.concatenate([query, gallery])
    count, num_query = len(features), len(query)
    norms = (features**2).sum(axis=1)
    distance = norms[:, None] + norms - 2 * features @ features.T
    np.fill_diagonal(distance, 0)
    distance = np.maximum(distance, 0)
    distance = distance / distance.max(axis=1, keepdims=True)
    order = np.argsort(distance, axis=1, kind='stable')

    encodings = np.zeros_like(distance)
    for i in range(count):
        members = reciprocal(order, i, k1)
        expanded = members
        for candidate in members:
            half = reciprocal(order, candidate, int(np.around(k1 / 2)))
            if 3 * len(np.intersect1d(half, members)) > 2 * len(half):
                expanded = np.append(expanded, half)
        expanded = np.unique(expanded)
        weights = np.exp(-distance[i, expanded])
        encodings[i, expanded] = weights / weights.sum()
    if k2 > 1:
        averaged = np.zeros_like(encodings)
        for i in range(count):
            averaged[i] = encodings[order[i, :k2]].mean(axis=0)
        encodings = averaged

    holders = [np.flatnonzero(encodings[:, i]) for i in range(count)]
    jaccard = np.zeros((num_query, count), dtype=np.float32)
    for i in range(num_query):
        overlap = np.zeros(count, dtype=np.float32)
        for member in np.flatnonzero(encodings[i]):
            of_member = holders[member]
            overlap[of_member] += np.minimum(encodings[i, member], encodings[of_member, member])
        jaccard[i] = 1 - overlap / (2 - overlap)
    mixed = (1 - lambda_value) * jaccard + lambda_value * distance[:num_query]
    return mixed[:, num_query:]


def reciprocal(order: np.ndarray, item: int, k: int) -> np.ndarray:
    """Those of the item's k nearest that have it among theirs; it is one of them itself."""
    forward = order[item, : k + 1]
    backward = order[forward, : k + 1]
    return forward[(backward == item).any(axis=1)]
