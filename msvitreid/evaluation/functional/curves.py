"""Curves of a ranking and of its similarities: precision over recall, errors over thresholds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from .market_rule import MarketRule
from .similarities_to_map import RankedMatches, precision_at_hits
from .similarity import QUERY_CHUNK, SimilarityRows
from .verification import (
    count_differing,
    curve_counts,
    curve_thresholds,
    matching_similarities,
    verification_rates,
)

RECALL_LEVELS = np.linspace(0, 1, 101)
"""Where :func:`precision_recall` gives precision."""


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
        edges: ``(E,)`` of the histograms' bins, ascending; the last bin includes its end.
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
    above, at_least = zip(*(_by_threshold(kind) for kind in (matching, differing)), strict=True)
    shown = np.searchsorted(thresholds, curve_thresholds(values))
    places = np.searchsorted(thresholds, edges)
    same, different = (
        _in_bins(*counts, places) for counts in zip(above, at_least, strict=True)
    )
    return PairCurves(
        thresholds[shown],
        at_least[1][shown] / differing[-1],
        1 - at_least[0][shown] / matching[-1],
        same,
        different,
        rates,
    )


def _by_threshold(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of each threshold, ascending: pairs above it, and pairs at least so similar."""
    above, at_least = counts[:-1].reshape(-1, 2)[::-1].T
    return above, at_least


def _in_bins(above: np.ndarray, at_least: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Pairs between thresholds at some places; what equals the last is in the last bin."""
    bins = -np.diff(at_least[places])
    bins[-1] += (at_least - above)[places[-1]]
    return bins
