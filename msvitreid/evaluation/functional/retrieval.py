"""Recall@k of images that search each other or a gallery, and what they find first.

:func:`ranking_agreement` says whether two ways of computing a net find the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch

from .inputs import Array, Labels, as_feature_pair, as_labels, as_topk, check_whole
from .market_rule import MarketRule
from .on_device import to_host
from .similarities_to_map import RankedMatches, rank_matches, score_matches
from .similarity import (
    QUERY_CHUNK,
    check_extremes,
    extremes,
    inner_products,
    product_rows,
    stable_topk,
)

#: Similarities that are closer are equal but for the rounding of float32.
TIE = 1e-6


class Agreement(NamedTuple):
    """How far embeddings agree with a reference.

    Attributes:
        cosine_min: the smallest cosine between an image's two embeddings.
        rankings_changed: images whose ranking of all others is another one.
        overlap_at_10: mean share of the reference's ten nearest images that are kept.
    """

    cosine_min: float
    rankings_changed: int
    overlap_at_10: float


def recall_at_k(
    features: Array,
    pids: Labels,
    topk: Sequence[int] = (1, 2, 4, 8),
    gallery_features: Array | None = None,
    gallery_pids: Labels | None = None,
    query_chunk: int = QUERY_CHUNK,
    self_index: Labels | None = None,
) -> dict[str, float]:
    """Share of images with an image of their class among the ``k`` most similar.

    Without a gallery every image searches all the others (the protocol of Cars196,
    CUB-200-2011 and SOP): the image itself is left out by its index, so that exact
    duplicates of it stay. Similarity is the inner product of the features as given;
    of equally similar images the lower index comes first. An image whose class has
    no other image counts as a miss, as is standard.

    Args:
        features: ``(N, D)``.
        pids: ``(N,)`` classes.
        topk: the values of k.
        gallery_features: ``(G, D)`` to search in instead.
        gallery_pids: ``(G,)`` classes; with ``gallery_features`` only.
        query_chunk: images handled at once; does not change the result.
        self_index: ``(N,)`` gallery index of each image itself, which it leaves out, -1 where
            it is not in the gallery; with ``gallery_features`` only.

    Returns:
        ``recall@k`` for every k, floats in [0, 1].

    Raises:
        ValueError: no image, shapes disagree, a feature or similarity is not finite,
            ``query_chunk`` or a k is below 1, or a part of the gallery is given without the
            rest.
    """
    topk = as_topk(topk)
    ranks = first_match_ranks(
        features,
        pids,
        gallery_features,
        gallery_pids,
        query_chunk=query_chunk,
        self_index=self_index,
    )
    return recall_of_first_ranks(ranks, topk)


def first_match_ranks(
    features: Array,
    pids: Labels,
    gallery_features: Array | None = None,
    gallery_pids: Labels | None = None,
    start: int = 0,
    stop: int | None = None,
    query_chunk: int = QUERY_CHUNK,
    self_index: Labels | None = None,
) -> np.ndarray:
    """How far each image has to look for one of its class.

    Args:
        start: the first image that searches.
        stop: one past the last; by default all from ``start`` on do.

    Returns:
        ``(stop - start,)`` int64, 1 for the first place, 0 where there is none.

    The other arguments and the errors are those of :func:`recall_at_k`.
    """
    ranked = rank_classes(
        features, pids, gallery_features, gallery_pids, start, stop, query_chunk, self_index
    )
    return score_matches(ranked, 'plain').first_rank


def rank_classes(
    features: Array,
    pids: Labels,
    gallery_features: Array | None = None,
    gallery_pids: Labels | None = None,
    start: int = 0,
    stop: int | None = None,
    query_chunk: int = QUERY_CHUNK,
    self_index: Labels | None = None,
) -> RankedMatches:
    """Where all images of each image's class are ranked; for arguments and errors see above."""
    if (gallery_features is None) != (gallery_pids is None):
        raise ValueError('gallery_features and gallery_pids must both be given or neither')
    pids = as_labels(pids, None, 'pids')
    if gallery_features is None or gallery_pids is None:
        if self_index is not None:
            raise ValueError('self_index is given without gallery_features')
        gallery_features, gallery_pids = features, pids
        self_index = range(len(pids))
    query, gallery = as_feature_pair(features, gallery_features)
    if not len(query):
        raise ValueError('features holds no image to search with')
    # Classes are never junk, whatever their number.
    rule = MarketRule(pids, gallery_pids, self_index=self_index, junk_pid=None)
    rule.check_shape(len(query), len(gallery))
    stop = len(query) if stop is None else stop
    return rank_matches(product_rows(query, gallery), rule, start, stop, query_chunk)


def recall_of_first_ranks(first_ranks: np.ndarray, topk: Sequence[int]) -> dict[str, float]:
    """``recall@k`` of what :func:`first_match_ranks` gives for all images."""
    return {name: float(hit.mean()) for name, hit in recall_values(first_ranks, topk).items()}


def recall_values(first_ranks: np.ndarray, topk: Sequence[int]) -> dict[str, np.ndarray]:
    """Of each image: 1 where ``recall@k`` counts a hit and 0 where it counts a miss, float64."""
    found = first_ranks > 0
    return {f'recall@{k}': (found & (first_ranks <= k)) * 1.0 for k in as_topk(topk)}


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
        limits = extremes(similarity)
        rule.apply(similarity, start)
        values, columns = stable_topk(similarity, width)
        columns = columns.masked_fill(values == -torch.inf, -1)
        of_block, of_values = to_host(columns, limits)
        check_extremes(of_values, start, len(similarity))
        found[start : start + query_chunk, :width] = of_block
    return found


def ranking_agreement(
    reference: np.ndarray, embeddings: np.ndarray, tie: float = TIE
) -> Agreement:
    """Compare the rankings of each image against all others.

    Two images may change places if their similarities in the reference differ by at most
    ``tie``; that is no other ranking.

    Args:
        reference: ``(N, D)`` unit embeddings, at least two.
        embeddings: the same images' computed in another way.
        tie: of the reference's similarities.
    """
    first, second = _as_pair(reference, embeddings)
    count, nearest = len(first), min(10, len(first) - 1)
    changed, kept = 0, 0.0
    for start in range(0, count, QUERY_CHUNK):
        rows = np.arange(start, min(start + QUERY_CHUNK, count))
        before, after = first[rows] @ first.T, second[rows] @ second.T
        # An image itself is no part of its ranking: put first, and cut off.
        before[np.arange(len(rows)), rows] = after[np.arange(len(rows)), rows] = np.inf
        order = np.argsort(-after, axis=1, kind='stable')[:, 1:]
        ranked = np.take_along_axis(before, order, axis=1)
        best_later = np.maximum.accumulate(ranked[:, ::-1], axis=1)[:, ::-1]
        changed += int((best_later - ranked > tie).any(axis=1).sum())
        wanted = np.argsort(-before, axis=1, kind='stable')[:, 1 : nearest + 1]
        for one, other in zip(wanted, order[:, :nearest], strict=True):
            kept += len(np.intersect1d(one, other)) / nearest
    cosines = (first * second).sum(axis=1)
    return Agreement(float(cosines.min()), changed, kept / count)


def largest_change(reference: np.ndarray, embeddings: np.ndarray) -> float:
    """The largest difference between two images' similarities ``(N, D)`` computed in two ways."""
    first, second = _as_pair(reference, embeddings)
    largest = 0.0
    for start in range(0, len(first), QUERY_CHUNK):
        rows = slice(start, start + QUERY_CHUNK)
        change = np.abs(first[rows] @ first.T - second[rows] @ second.T)
        largest = max(largest, float(change.max()))
    return largest


def _as_pair(reference: np.ndarray, embeddings: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if reference.shape != embeddings.shape or reference.ndim != 2 or len(reference) < 2:
        raise ValueError(
            'two arrays (N, D) of at least two images can be compared, got '
            f'{reference.shape} and {embeddings.shape}'
        )
    # The products must not add a rounding of their own.
    return _unit(reference), _unit(embeddings)


def _unit(embeddings: np.ndarray) -> np.ndarray:
    exact = embeddings.astype(np.float64)
    return exact / np.linalg.norm(exact, axis=1, keepdims=True)
