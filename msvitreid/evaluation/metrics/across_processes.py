"""Figures of all queries, which the processes share out among themselves."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from msvitreid.evaluation.functional import QUERY_CHUNK, MarketRule, query_values, rank_matches
from msvitreid.evaluation.functional.similarity import SimilarityRows
from msvitreid.evaluation.functional.verification import (
    MatchingPairs,
    count_differing,
    curve_counts,
    curve_thresholds,
    differing_curves,
    matching_curves,
    matching_similarities,
    rate_intervals,
    verification_rates,
)
from msvitreid.utils.exchange import gather_rows, own_share, split_rows, sum_over_ranks


def rank_across_processes(
    similarity_rows: SimilarityRows,
    rule: MarketRule,
    ap: str,
    topk: Sequence[int],
    extra: Sequence[str] = (),
) -> dict[str, np.ndarray]:
    """:func:`query_values` of all queries, on every process."""
    names: list[str] = []

    def values(start: int, stop: int) -> tuple[np.ndarray, ...]:
        ranked = rank_matches(similarity_rows, rule, start, stop)
        of_share = query_values(ranked, ap, topk, extra)
        names.extend(of_share)
        return tuple(of_share.values())

    arrays = split_rows(values, rule.num_queries, QUERY_CHUNK)
    return dict(zip(names, arrays, strict=True))


def verify_across_processes(
    similarity_rows: SimilarityRows,
    rule: MarketRule,
    fprs: Sequence[float],
    query_pids: np.ndarray,
    resamples: int = 0,
) -> tuple[dict[str, float], dict[str, tuple[float, float]]]:
    """Rates of all pairs and, if there are resamples, their intervals, on every process.

    See :func:`verification_rates` and :func:`rate_intervals`.
    """
    share = own_share(rule.num_queries, QUERY_CHUNK)
    own_pairs = matching_similarities(similarity_rows, rule, *share)
    pairs = MatchingPairs(*(np.concatenate(gather_rows(field)) for field in own_pairs))
    thresholds = np.unique(pairs.values)
    own_counts = count_differing(similarity_rows, rule, thresholds, *share)
    matching, differing = curve_counts(pairs.values, thresholds), sum_over_ranks(own_counts)
    rates = verification_rates(matching, differing, fprs)
    if not resamples:
        return rates, {}
    thresholds = curve_thresholds(pairs.values)
    own_curves = differing_curves(similarity_rows, rule, query_pids, thresholds, *share)
    return rates, rate_intervals(
        matching_curves(pairs, query_pids, thresholds),
        sum_over_ranks(own_curves),
        fprs,
        resamples,
    )
