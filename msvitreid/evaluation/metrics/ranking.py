"""Figures of all queries, which the processes share out among themselves."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from msvitreid.evaluation.functional import QUERY_CHUNK, MarketRule, query_values, rank_matches
from msvitreid.evaluation.functional.similarity import SimilarityRows
from msvitreid.evaluation.functional.verification import (
    count_differing,
    matching_similarities,
    verification_rates,
)
from msvitreid.utils.exchange import gather_rows, own_share, split_rows


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
    similarity_rows: SimilarityRows, rule: MarketRule, fprs: Sequence[float]
) -> dict[str, float]:
    """:func:`verification_rates` of all pairs, on every process."""
    share = own_share(rule.num_queries, QUERY_CHUNK)
    own_matching = matching_similarities(similarity_rows, rule, *share)
    matching = np.concatenate(gather_rows(own_matching))
    above, at_least, total = count_differing(similarity_rows, rule, np.unique(matching), *share)
    above, at_least, totals = (
        np.sum(gather_rows(counts), axis=0) for counts in (above, at_least, np.array([total]))
    )
    return verification_rates(matching, above, at_least, int(totals[0]), fprs)
