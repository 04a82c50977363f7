"""Verification: whether two images show the same identity, decided by a threshold."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from numbers import Real
from typing import NamedTuple

import numpy as np
import torch

from .bootstrap import check_resamples, draw_identities, percentile_interval
from .inputs import Array, Labels, as_feature_pair, as_labels
from .market_rule import MarketRule
from .similarities_to_map import checked_blocks
from .similarity import QUERY_CHUNK, SimilarityRows, product_rows


def verification_metrics(
    query_features: Array,
    gallery_features: Array,
    query_pids: Labels,
    gallery_pids: Labels,
    query_camids: Labels | None = None,
    gallery_camids: Labels | None = None,
    fprs: Sequence[float] = (1e-4, 1e-3, 1e-2),
    query_chunk: int = QUERY_CHUNK,
    self_index: Labels | None = None,
) -> dict[str, float]:
    """True positive rates at given false positive rates, and the equal error rate.

    The pairs are all of a query and a gallery image that the query ranks. Nothing is sampled or
    binned: the rates are those of all pairs. Similarities are computed twice, once for the
    pairs of one identity, and once to count the other pairs above each of these.

    Memory: ``query_chunk`` rows of similarities, three times, and 50 bytes for each pair of one
    identity.

    Args:
        fprs: false positive rates, above 0 and below 1.

    The other arguments are those of :func:`rank_metrics`.

    Returns:
        ``EER``, where the ROC curve, its points joined by straight lines, meets false positive
        rate = 1 - true positive rate. ``TPR@FPR=<fpr>`` for every rate, the largest true
        positive rate of a threshold whose false positive rate is not above it.
        ``num_matching`` and ``num_differing``, the numbers of pairs.

    Raises:
        ValueError: as :func:`rank_metrics`; a rate is out of its range; there are no two
            images of one identity, or none of two.
    """
    fprs = check_fprs(fprs)
    query, gallery = as_feature_pair(query_features, gallery_features)
    rule = MarketRule(query_pids, gallery_pids, query_camids, gallery_camids, self_index)
    rule.check_shape(len(query), len(gallery))
    rows, count = product_rows(query, gallery), len(query)
    matching = matching_similarities(rows, rule, 0, count, query_chunk).values
    thresholds = np.unique(matching)
    differing = count_differing(rows, rule, thresholds, 0, count, query_chunk)
    return verification_rates(curve_counts(matching, thresholds), differing, fprs)


def check_fprs(fprs: Iterable[float]) -> tuple[float, ...]:
    """Check false positive rates.

    Raises:
        ValueError: not a list of numbers above 0 and below 1, or two differ too little to have
            names of their own.
    """
    is_list = isinstance(fprs, (list, tuple)) or (isinstance(fprs, np.ndarray) and fprs.ndim)
    if not is_list or not all(isinstance(fpr, Real) and 0 < fpr < 1 for fpr in fprs):
        raise ValueError(f'fprs must be a list of rates above 0 and below 1, got {fprs!r}')
    rates = tuple(dict.fromkeys(float(fpr) for fpr in fprs))
    if len({rate_name(rate) for rate in rates}) < len(rates):
        raise ValueError(f'two of the fprs have the same six digits, got {fprs!r}')
    return rates


def rate_name(fpr: float) -> str:
    """What the true positive rate at this false positive rate is called."""
    return f'TPR@FPR={fpr:g}'


class MatchingPairs(NamedTuple):
    """Pairs of one identity.

    Attributes:
        queries: ``(M,)`` int64.
        values: ``(M,)`` similarities.
    """

    queries: np.ndarray
    values: np.ndarray


def matching_similarities(
    similarity_rows: SimilarityRows,
    rule: MarketRule,
    start: int,
    stop: int,
    query_chunk: int = QUERY_CHUNK,
) -> MatchingPairs:
    """The pairs of one identity, of some of the queries."""
    queries, values = [np.empty(0, dtype=np.int64)], [np.empty(0, dtype=np.float32)]
    for block_start, block in checked_blocks(similarity_rows, rule, start, stop, query_chunk):
        rows, columns = rule.matches(block_start, block_start + len(block))
        queries.append(block_start + rows)
        values.append(block[torch.as_tensor(rows), torch.as_tensor(columns)].cpu().numpy())
    return MatchingPairs(np.concatenate(queries), np.concatenate(values))


def differing_similarities(
    similarity_rows: SimilarityRows,
    rule: MarketRule,
    start: int,
    stop: int,
    query_chunk: int = QUERY_CHUNK,
) -> Iterator[tuple[int, np.ndarray]]:
    """Blocks of some of the queries: the first query, and ``(B, G)`` similarities.

    What is no pair of two identities is at ``-inf``.
    """
    for block_start, block in checked_blocks(similarity_rows, rule, start, stop, query_chunk):
        rows, columns = rule.apply(block, block_start)
        block[torch.as_tensor(rows), torch.as_tensor(columns)] = -torch.inf
        yield block_start, block.cpu().numpy()


def count_differing(
    similarity_rows: SimilarityRows,
    rule: MarketRule,
    thresholds: np.ndarray,
    start: int,
    stop: int,
    query_chunk: int = QUERY_CHUNK,
) -> np.ndarray:
    """:func:`curve_counts` of the pairs of two identities, of some of the queries."""
    counts = np.zeros(2 * len(thresholds) + 1, dtype=np.int64)
    blocks = differing_similarities(similarity_rows, rule, start, stop, query_chunk)
    for _, block in blocks:
        counts += curve_counts(block, thresholds)
    return counts


def curve_counts(similarities: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """What a ROC curve counts of pairs of one kind.

    Args:
        similarities: of any shape; ``-inf`` is no pair.
        thresholds: ``(T,)`` ascending.

    Returns:
        ``(2 * T + 1,)`` int64: how many pairs are above the highest threshold, and how many not
        below it; the same of each lower threshold; how many there are.
    """
    # Sorting is faster than a search among the thresholds for each.
    ascending = np.sort(similarities, axis=None)
    falling = thresholds[::-1]
    below = [np.searchsorted(ascending, falling, side=side) for side in ('right', 'left')]
    no_pairs = np.searchsorted(ascending, -np.inf, side='right')
    return len(ascending) - np.append(np.stack(below, axis=1).ravel(), no_pairs)


def verification_rates(
    matching: np.ndarray, differing: np.ndarray, fprs: Sequence[float]
) -> dict[str, float]:
    """What :func:`verification_metrics` gives, from counts.

    Args:
        matching: :func:`curve_counts` of the pairs of one identity, at thresholds that are
            their distinct similarities, or some of these.
        differing: the same of the pairs of two identities.
        fprs: false positive rates.

    Raises:
        ValueError: there is no pair of one identity, or none of two.
    """
    if not matching[-1] or not differing[-1]:
        raise ValueError(
            f'verification takes pairs of one identity and of two, got {matching[-1]} and '
            f'{differing[-1]}'
        )
    rates = curve_rates(matching, differing, fprs)
    return {**rates, 'num_matching': int(matching[-1]), 'num_differing': int(differing[-1])}


def curve_rates(
    matching: np.ndarray, differing: np.ndarray, fprs: Sequence[float]
) -> dict[str, float]:
    """``EER`` and ``TPR@FPR=<fpr>`` of counts that :func:`verification_rates` has checked."""
    tpr, fpr = (np.append(0.0, counts / counts[-1]) for counts in (matching, differing))
    rates = {'EER': _equal_error_rate(tpr, fpr)}
    for wanted in fprs:
        rates[rate_name(wanted)] = float(tpr[fpr <= wanted].max())
    return rates


def _equal_error_rate(tpr: np.ndarray, fpr: np.ndarray) -> float:
    excess = fpr + tpr - 1  # from -1 to 1 along the curve, never falling
    after = int(np.argmax(excess >= 0))
    before = after - 1
    share = -excess[before] / (excess[after] - excess[before])
    return float(fpr[before] + share * (fpr[after] - fpr[before]))


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
