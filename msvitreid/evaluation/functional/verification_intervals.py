"""How far rates of verification may be off because other identities could have been tested."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .bootstrap import check_resamples, draw_identities, percentile_interval
from .inputs import Array, Labels, as_feature_pair, as_labels
from .market_rule import MarketRule
from .similarity import QUERY_CHUNK, SimilarityRows, product_rows
from .verification import (
    MatchingPairs,
    check_fprs,
    curve_counts,
    curve_rates,
    differing_similarities,
    matching_similarities,
)

CURVE_POINTS = 2048
"""Thresholds of a resampled ROC curve.

Its true positive rate is off by 0.001 at most, and by 3 % of itself and of the false negative rate.
"""


def verification_intervals(
    query_features: Array,
    gallery_features: Array,
    query_pids: Labels,
    gallery_pids: Labels,
    query_camids: Labels | None = None,
    gallery_camids: Labels | None = None,
    fprs: Sequence[float] = (1e-4, 1e-3, 1e-2),
    resamples: int = 1000,
    seed: int = 0,
    query_chunk: int = QUERY_CHUNK,
    self_index: Labels | None = None,
) -> dict[str, tuple[float, float]]:
    """Percentile intervals of the rates of :func:`verification_metrics`.

    Identities of queries are drawn, with replacement and as many as there are, and each brings
    all pairs of its queries as often as it was drawn: a pair's weight is the multiplicity of its
    query's identity. As in :func:`bootstrap_intervals`, the gallery stays as it is. Copies of an
    identity in a gallery would be pairs of two identities that look the same, and a gallery that
    changes another experiment; what its identities contribute is not in the interval.

    Where more than :data:`CURVE_POINTS` similarities of pairs of one identity are distinct,
    thresholds are so many of them, closer to each other at both ends of the curve.

    Memory: ``query_chunk`` rows of similarities, twice, and for each identity 128 KiB.

    Args:
        resamples: how many.
        seed: of the draws.

    The other arguments are those of :func:`verification_metrics`.

    Returns:
        By name the 2.5th and the 97.5th percentile of the resampled rates. Resamples without a
        pair of one identity, or of two, are left out; NaN if none is left.

    Raises:
        ValueError: as :func:`verification_metrics`, ``resamples`` is below 1 or ``seed`` below 0.
    """
    fprs = check_fprs(fprs)
    check_resamples(resamples, seed)
    query, gallery = as_feature_pair(query_features, gallery_features)
    rule = MarketRule(query_pids, gallery_pids, query_camids, gallery_camids, self_index)
    rule.check_shape(len(query), len(gallery))
    rows, count = product_rows(query, gallery), len(query)
    pairs = matching_similarities(rows, rule, 0, count, query_chunk)
    thresholds = curve_thresholds(pairs.values)
    labels = as_labels(query_pids, count, 'query_pids')
    matching = matching_curves(pairs, labels, thresholds)
    differing = differing_curves(rows, rule, labels, thresholds, 0, count, query_chunk)
    for kind, curves in (('one identity', matching), ('two', differing)):
        if not curves[:, -1].any():
            raise ValueError(f'verification takes pairs of {kind}, and there is none')
    return rate_intervals(matching, differing, fprs, resamples, seed)


def curve_thresholds(matching: np.ndarray) -> np.ndarray:
    """``(T,)`` distinct of the similarities, ascending, at most :data:`CURVE_POINTS`."""
    thresholds = np.unique(matching)
    if len(thresholds) <= CURVE_POINTS:
        return thresholds
    last = len(matching) - 1
    evenly = np.linspace(0, last, CURVE_POINTS // 2)
    # Rates near 0 and 1 are known to a share of themselves.
    from_end = np.geomspace(1, last + 1, CURVE_POINTS // 4) - 1
    places = np.concatenate([evenly, from_end, last - from_end]).round().astype(np.int64)
    return np.unique(np.sort(matching)[places])


def matching_curves(
    pairs: MatchingPairs, query_pids: np.ndarray, thresholds: np.ndarray
) -> np.ndarray:
    """:func:`curve_counts` of the pairs of one identity, a row for each query identity.

    Args:
        pairs: of all queries.
        query_pids: ``(Q,)``.
        thresholds: ``(T,)`` ascending.

    Returns:
        ``(I, 2 * T + 1)`` int64, identities ascending.
    """
    identities, place = np.unique(query_pids, return_inverse=True)
    of_pair = place[pairs.queries]
    order = np.argsort(of_pair, kind='stable')
    ends = np.cumsum(np.bincount(of_pair, minlength=len(identities)))[:-1]
    parts = np.split(pairs.values[order], ends)
    return np.stack([curve_counts(part, thresholds) for part in parts])


def differing_curves(
    similarity_rows: SimilarityRows,
    rule: MarketRule,
    query_pids: np.ndarray,
    thresholds: np.ndarray,
    start: int,
    stop: int,
    query_chunk: int = QUERY_CHUNK,
) -> np.ndarray:
    """The same of the pairs of two identities, of some of the queries."""
    identities, place = np.unique(query_pids, return_inverse=True)
    counts = np.zeros((len(identities), 2 * len(thresholds) + 1), dtype=np.int64)
    blocks = differing_similarities(similarity_rows, rule, start, stop, query_chunk)
    for block_start, block in blocks:
        of_query = place[block_start : block_start + len(block)]
        for identity in np.unique(of_query):
            counts[identity] += curve_counts(block[of_query == identity], thresholds)
    return counts


def rate_intervals(
    matching: np.ndarray,
    differing: np.ndarray,
    fprs: Sequence[float],
    resamples: int,
    seed: int = 0,
) -> dict[str, tuple[float, float]]:
    """What :func:`verification_intervals` gives, from counts by identity.

    Args:
        matching: see :func:`matching_curves`.
        differing: see :func:`differing_curves`, of all queries.
        fprs: false positive rates.
        resamples: how many.
        seed: of the draws.
    """
    names = list(curve_rates(matching.sum(axis=0), differing.sum(axis=0), fprs))
    # BLAS multiplies float64, which holds these counts exactly.
    curves = matching.astype(np.float64), differing.astype(np.float64)
    rates = []
    for draws in draw_identities(len(matching), resamples, seed):
        for true, false in zip(*(draws @ counts for counts in curves), strict=True):
            if true[-1] and false[-1]:
                rates.append(list(curve_rates(true, false, fprs).values()))
    table = np.array(rates).reshape(-1, len(names))
    return {name: percentile_interval(table[:, i]) for i, name in enumerate(names)}
