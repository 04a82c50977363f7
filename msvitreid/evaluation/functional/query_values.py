"""Figures of single queries, whose means are the figures of a test set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .inputs import as_topk
from .query_scores import score_matches
from .ranked_matches import RankedMatches

EXTRA_MEASURES = ('precision', 'R-precision', 'MAP@R', 'MRR')


def check_extra_measures(extra: Sequence[str]) -> tuple[str, ...]:
    """Raises:
    ValueError: one is not of ``EXTRA_MEASURES``.
    """
    is_list = isinstance(extra, (list, tuple))
    if not is_list or any(name not in EXTRA_MEASURES for name in extra):
        raise ValueError(f'extra must be a list of any of {EXTRA_MEASURES}, got {extra!r}')
    return tuple(extra)


def query_values(
    ranked: RankedMatches, ap: str, topk: Sequence[int], extra: Sequence[str] = ()
) -> dict[str, np.ndarray]:
    """What each query adds to the mean that each figure is.

    Args:
        ranked: where the matches stand.
        ap: average precision, ``'trapezoid'`` or ``'plain'``.
        topk: the k of ``rank-k`` and ``precision@k``.
        extra: further figures, see :func:`extra_values`.

    Returns:
        ``mAP``, ``mINP``, ``rank-k`` for every k and the extra figures, each ``(Q,)`` float64,
        NaN for queries without a match.

    Raises:
        ValueError: an unknown ``ap`` or measure, or ``topk`` is not a list of whole numbers
            from 1 on.
    """
    topk = as_topk(topk)
    scores = score_matches(ranked, ap)
    matched = scores.first_rank > 0
    values = {
        'mAP': scores.average_precision,
        'mINP': np.where(matched, scores.inverse_penalty, np.nan),
        **{f'rank-{k}': np.where(matched, scores.first_rank <= k, np.nan) for k in topk},
    }
    return values | extra_values(ranked, topk, extra)


def extra_values(
    ranked: RankedMatches, topk: Sequence[int], extra: Sequence[str]
) -> dict[str, np.ndarray]:
    """Less common figures of each query, R being the number of its matches.

    - ``precision``: for every k ``precision@k``, matches among the first k, over k, also where
      fewer than k images are ranked.
    - ``R-precision``: matches among the first R, over R.
    - ``MAP@R``: the sum of the precisions at the matches among the first R, over R (Musgrave,
      Belongie and Lim, "A Metric Learning Reality Check", ECCV 2020); always plain precisions.
    - ``MRR``: 1 / rank of the first match.

    Args:
        ranked: where the matches stand.
        topk: the k of ``precision@k``.
        extra: any of ``EXTRA_MEASURES``.

    Returns:
        By name ``(Q,)`` float64, NaN for queries without a match.

    Raises:
        ValueError: an unknown measure.
    """
    extra, ranks = check_extra_measures(extra), ranked.ranks
    matched, first, counts = np.unique(ranked.queries, return_index=True, return_counts=True)
    totals = np.repeat(counts, counts)

    def per_query(of_matches: np.ndarray, divisor: np.ndarray | int) -> np.ndarray:
        values = np.full(ranked.num_queries, np.nan)
        if len(matched):
            values[matched] = np.add.reduceat(of_matches.astype(np.float64), first) / divisor
        return values

    values = {}
    for name in extra:
        if name == 'precision':
            for k in topk:
                values[f'precision@{k}'] = per_query(ranks <= k, k)
        elif name == 'R-precision':
            values[name] = per_query(ranks <= totals, counts)
        elif name == 'MAP@R':
            hits = np.arange(len(ranks)) - np.repeat(first, counts) + 1
            values[name] = per_query(np.where(ranks <= totals, hits / ranks, 0), counts)
        else:
            is_first = np.zeros(len(ranks), dtype=bool)
            is_first[first] = True
            values[name] = per_query(np.where(is_first, 1 / ranks, 0), 1)
    return values


def mean_values(values: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Means over the queries that have a match (NaN if none has), and how many there were.

    Args:
        values: what :func:`query_values` gives for all queries.

    Returns:
        The means by the same names; ``num_queries``, ``num_unmatched``.
    """
    matched = ~np.isnan(values['mAP'])
    means = {
        name: float(value[matched].mean()) if matched.any() else float('nan')
        for name, value in values.items()
    }
    num_unmatched = int((~matched).sum())
    return {**means, 'num_queries': len(matched), 'num_unmatched': num_unmatched}
