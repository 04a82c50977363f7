"""Curves of a ranking and of its similarities: CMC, precision over recall, error rates, pairs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from .inputs import Array, Labels, as_feature_pair, check_whole
from .market_rule import MarketRule
from .similarities_to_map import RankedMatches, precision_at_hits, rank_matches, score_matches
from .similarity import QUERY_CHUNK, SimilarityRows, product_rows
from .verification import (
    count_differing,
    curve_counts,
    curve_thresholds,
    matching_similarities,
    verification_rates,
)

RECALL_LEVELS = np.linspace(0, 1, 101)
"""Where :func:`precision_recall` gives precision."""

BINS = 100
"""Of similarities in :class:`RetrievalCurves`."""


def precision_recall(ranked: RankedMatches) -> np.ndarray:
    """Interpolated precision at each of :data:`RECALL_LEVELS`, averaged over queries.

    The precision of a query at a recall is the highest that it reaches at that recall or a
    higher one, as in TREC's evaluations. Queries without a match are left out.

    Args:
        ranked: where the matches stand.

    Returns:
        ``(101,)`` float64, not rising; NaN if no query has a match.
    """
    _, first, counts = np.unique(ranked.queries, return_index=True, return_counts=True)
    total = np.zeros(len(RECALL_LEVELS))
    for start, count in zip(first, counts, strict=True):
        hits = np.arange(1, count + 1)
        precision = precision_at_hits(hits, ranked.ranks[start : start + count], 'plain')
        highest = np.maximum.accumulate(precision[::-1])[::-1]
        # Of 10 matches, recall 0.3 is reached by the third: without rounding, by the fourth.
        needed = np.ceil(np.round(RECALL_LEVELS * count, 9)).astype(np.int64)
        total += highest[np.maximum(needed, 1) - 1]
    return total / len(first) if len(first) else np.full(len(RECALL_LEVELS), np.nan)


class PairCurves(NamedTuple):
    """Pairs of a query and a gallery image that the query ranks.

    Attributes:
        thresholds: ``(T,)`` float32 ascending, at most
            :data:`~msvitreid.evaluation.functional.verification.CURVE_POINTS` of the
            similarities of pairs of one identity.
        fmr: ``(T,)`` share of pairs of two identities that are at least so similar.
        fnmr: ``(T,)`` share of pairs of one identity that are less similar.
        same: ``(E - 1,)`` int64 pairs of one identity between two edges.
        different: the same of pairs of two identities.
        rates: what :func:`verification_metrics` gives.
    """

    thresholds: np.ndarray
    fmr: np.ndarray
    fnmr: np.ndarray
    same: np.ndarray
    different: np.ndarray
    rates: dict[str, float]


def pair_curves(
    similarity_rows: SimilarityRows,
    rule: MarketRule,
    edges: np.ndarray,
    fprs: Sequence[float] = (1e-4, 1e-3, 1e-2),
    query_chunk: int = QUERY_CHUNK,
) -> PairCurves:
    """Error rates and histograms of all pairs, in two passes over the similarities.

    Args:
        similarity_rows: called for consecutive blocks of queries.
        rule: who is in whose ranking.
        edges: ``(E,)`` of the histograms' bins, ascending; similarities beyond them, which
            rounding makes, are in the outermost bins.
        fprs: false positive rates that ``rates`` gives the true positive rate at.
        query_chunk: queries handled at once.

    Raises:
        ValueError: there is no pair of one identity or none of two, or a similarity is not
            finite.
    """
    count = rule.num_queries
    values = matching_similarities(similarity_rows, rule, 0, count, query_chunk).values
    edges = np.asarray(edges, dtype=np.float32)
    thresholds = np.unique(np.concatenate([values, edges]).astype(np.float32))
    matching = curve_counts(values, thresholds)
    differing = count_differing(similarity_rows, rule, thresholds, 0, count, query_chunk)
    rates = verification_rates(matching, differing, fprs)
    # Of each threshold, ascending: pairs that are at least so similar.
    at_least = [kind[:-1][1::2][::-1] for kind in (matching, differing)]
    totals = [kind[-1] for kind in (matching, differing)]
    shown = np.searchsorted(thresholds, curve_thresholds(values))
    places = np.searchsorted(thresholds, edges)
    same, different = (
        _in_bins(counts, total, places) for counts, total in zip(at_least, totals, strict=True)
    )
    return PairCurves(
        thresholds[shown],
        at_least[1][shown] / differing[-1],
        1 - at_least[0][shown] / matching[-1],
        same,
        different,
        rates,
    )


def _in_bins(at_least: np.ndarray, total: int, places: np.ndarray) -> np.ndarray:
    """Pairs between thresholds at some places; what lies beyond is in the outermost bins."""
    return -np.diff(np.concatenate([[total], at_least[places[1:-1]], [0]]))


class RetrievalCurves(NamedTuple):
    """Curves of all queries that have a match.

    Attributes:
        cmc: ``(K,)`` share of queries with a match among the first 1 to K.
        precision: ``(101,)`` at recall 0, 0.01 to 1, see :func:`precision_recall`.
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
    rows = product_rows(query, gallery)
    ranked = rank_matches(rows, rule, 0, len(query), query_chunk)
    edges = np.linspace(-1, 1, BINS + 1)
    pairs = pair_curves(rows, rule, edges, (), query_chunk)
    first = score_matches(ranked, 'plain').first_rank
    first = first[first > 0]
    return RetrievalCurves(
        (first[:, None] <= np.arange(1, ranks + 1)).mean(axis=0),
        precision_recall(ranked),
        np.append(0.0, pairs.fmr[::-1]),
        np.append(1.0, pairs.fnmr[::-1]),
        pairs.rates['EER'],
        edges,
        pairs.same,
        pairs.different,
        len(first),
    )
