"""Pairs of images that are among each other's most similar ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch

from msvitreid.evaluation.functional.similarity import QUERY_CHUNK, inner_products


class Pairs(NamedTuple):
    """Pairs of images, the most similar first, then by index.

    Attributes:
        left, right: ``(P,)`` int64 indices, ``left < right``.
        similarity: ``(P,)`` float32 cosines.
    """

    left: np.ndarray
    right: np.ndarray
    similarity: np.ndarray


def similar_pairs(
    embeddings: np.ndarray,
    threshold: float,
    k: int,
    progress: Callable[[float], None] | None = None,
) -> Pairs:
    """Pairs of a similarity from ``threshold`` on, each of the other's ``k`` nearest images.

    Similarities are computed in blocks of rows, so that memory grows with ``N * k``.

    Args:
        embeddings: ``(N, D)`` float32 of unit length.
        threshold: smallest similarity of a pair.
        k: neighbors of an image, itself not counted. Among equally similar ones those nearest
            in the order of the images count, so that a row of any number of exact duplicates
            hangs together; the lowest indices would leave all but the first ones alone.
        progress: is called with the share of the rows that are done.
    """
    count = len(embeddings)
    features = torch.from_numpy(embeddings)
    blocks = []
    for start in range(0, count if count > 1 else 0, QUERY_CHUNK):
        if progress is not None:
            progress(start / count)
        blocks.append(_neighbors(features, start, threshold, min(k, count - 1)))
    if not blocks:
        return Pairs(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float32))
    rows, columns, values = (np.concatenate(parts) for parts in zip(*blocks, strict=True))
    codes = np.minimum(rows, columns) * count + np.maximum(rows, columns)
    # A pair stands here twice where each is a neighbor of the other; the order is by code.
    codes, first, seen = np.unique(codes, return_index=True, return_counts=True)
    codes, first = codes[seen == 2], first[seen == 2]
    similarity = values[first]
    order = np.argsort(-similarity, kind='stable')
    left, right = np.divmod(codes[order], count)
    return Pairs(left, right, similarity[order])


def _neighbors(
    features: torch.Tensor, start: int, threshold: float, k: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Row, column and similarity of the neighbors of one block of rows."""
    similarity = inner_products(features[start : start + QUERY_CHUNK], features)
    own = torch.arange(len(similarity))
    similarity[own, start + own] = -torch.inf
    smallest = similarity.topk(k, dim=1).values[:, -1:].clamp(min=threshold)
    near = (similarity >= smallest).nonzero(as_tuple=True)
    values = similarity[near].numpy()
    rows, columns = near[0].numpy(), near[1].numpy()
    if len(rows) > k * len(similarity) or np.bincount(rows).max(initial=0) > k:
        # More than k where several are as similar as the k-th.
        distance = np.abs(columns - rows - start)
        order = np.lexsort((columns, distance, -values, rows))
        ordered = rows[order]
        place = np.arange(len(order)) - np.searchsorted(ordered, ordered)
        kept = order[place < k]
        rows, columns, values = rows[kept], columns[kept], values[kept]
    return rows + start, columns, values
