"""Curves of a ranking: CMC, precision over recall, error rates, and similarities of pairs."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .curves import precision_recall
from .inputs import Array, Labels, as_feature_pair, check_whole
from .market_rule import MarketRule
from .similarities_to_map import rank_matches, score_matches
from .similarity import QUERY_CHUNK, product_rows
from .verification import (
    curve_counts,
    curve_rates,
    curve_thresholds,
    differing_similarities,
    matching_similarities,
)

BINS = 100


class RetrievalCurves(NamedTuple):
    """Curves of all queries that have a match.

    Attributes:
        cmc: ``(K,)`` share of queries with a match among the first 1 to K.
        precision: ``(101,)`` at recall 0, 0.01 to 1, a mean over queries of the largest
            precision at this recall or above.
        fmr: ``(P,)`` false match rates of thresholds from high to low.
        fnmr: ``(P,)`` false non-match rates of the same.
        eer: equal error rate.
        edges: ``(B + 1,)`` of the bins of similarities.
        same: ``(B,)`` pairs of one identity in each.
        different: ``(B,)`` pairs of two.
        num_queries: how many have a match.
    """

    cmc: np.ndarray
    precision: np.ndarray
    fmr: np.ndarray
    fnmr: np.ndarray
    eer: float
    edges: np.ndarray
    same: np.ndarray
    different: np.ndarray
    num_queries: int


def retrieval_curves(
    query_features: Array,
    gallery_features: Array,
    query_pids: Labels,
    gallery_pids: Labels,
    query_camids: Labels | None = None,
    gallery_camids: Labels | None = None,
    ranks: int = 20,
    query_chunk: int = QUERY_CHUNK,
    self_index: Labels | None = None,
) -> RetrievalCurves:
    """Rank the gallery for every query and count.

    Pairs are all of a query and a gallery image that the query ranks. Memory:
    as :func:`verification_metrics`.

    Args:
        ranks: ``K`` of the CMC.

    The other arguments are those of :func:`rank_metrics`; features of unit length, as
    similarities are counted from -1 to 1.

    Raises:
        ValueError: as :func:`rank_metrics`; ``ranks`` is below 1; there are no two images of
            one identity, or none of two.
    """
    check_whole(ranks, 1, 'ranks')
    query, gallery = as_feature_pair(query_features, gallery_features)
    rule = MarketRule(query_pids, gallery_pids, query_camids, gallery_camids, self_index)
    rule.check_shape(len(query), len(gallery))
    rows, count = product_rows(query, gallery), len(query)
    ranked = rank_matches(rows, rule, 0, count, query_chunk)
    matching = matching_similarities(rows, rule, 0, count, query_chunk).values
    thresholds = curve_thresholds(matching)
    edges = np.linspace(-1, 1, BINS + 1)
    same = np.histogram(matching.clip(-1, 1), edges)[0]
    different = np.zeros(BINS, dtype=np.int64)
    differing = np.zeros(2 * len(thresholds) + 1, dtype=np.int64)
    for _, block in differing_similarities(rows, rule, 0, count, query_chunk):
        differing += curve_counts(block, thresholds)
        different += np.histogram(block[block > -np.inf].clip(-1, 1), edges)[0]
    counts = curve_counts(matching, thresholds)
    if not counts[-1] or not differing[-1]:
        raise ValueError(
            f'curves take pairs of one identity and of two, got {counts[-1]} and {differing[-1]}'
        )
    first = score_matches(ranked, 'plain').first_rank
    first = first[first > 0]
    return RetrievalCurves(
        (first[:, None] <= np.arange(1, ranks + 1)).mean(axis=0),
        precision_recall(ranked),
        np.append(0.0, differing / differing[-1]),
        1 - np.append(0.0, counts / counts[-1]),
        curve_rates(counts, differing, ())['EER'],
        edges,
        same,
        different,
        len(first),
    )
