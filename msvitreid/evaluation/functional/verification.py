"""Verification: whether two images show the same identity, decided by a threshold."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from numbers import Real

import numpy as np
import torch

from .inputs import Array, Labels, as_feature_pair
from .market_rule import MarketRule
from .ranking import checked_blocks
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

    Memory: ``query_chunk`` rows of similarities, three times, and 40 bytes for each pair of one
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
    matching = matching_similarities(rows, rule, 0, count, query_chunk)
    above, at_least, total = count_differing(
        rows, rule, np.unique(matching), 0, count, query_chunk
    )
    return verification_rates(matching, above, at_least, total, fprs)


def check_fprs(fprs: Iterable[float]) -> tuple[float, ...]:
    """Raises:
    ValueError: not a list of numbers above 0 and below 1.
    """
    is_list = isinstance(fprs, (list, tuple, np.ndarray))
    if not is_list or not all(isinstance(fpr, Real) and 0 < fpr < 1 for fpr in fprs):
        raise ValueError(f'fprs must be a list of rates above 0 and below 1, got {fprs!r}')
    return tuple(float(fpr) for fpr in fprs)


def matching_similarities(
    similarity_rows: SimilarityRows,
    rule: MarketRule,
    start: int,
    stop: int,
    query_chunk: int = QUERY_CHUNK,
) -> np.ndarray:
    """``(M,)`` similarities of the pairs of one identity, of some of the queries."""
    found = [np.empty(0, dtype=np.float32)]
    for block_start, block in checked_blocks(similarity_rows, rule, start, stop, query_chunk):
        rows, columns = rule.matches(block_start, block_start + len(block))
        found.append(block[torch.as_tensor(rows), torch.as_tensor(columns)].cpu().numpy())
    return np.concatenate(found)


def count_differing(
    similarity_rows: SimilarityRows,
    rule: MarketRule,
    thresholds: np.ndarray,
    start: int,
    stop: int,
    query_chunk: int = QUERY_CHUNK,
) -> tuple[np.ndarray, np.ndarray, int]:
    """Count the pairs of two identities above thresholds, of some of the queries.

    Args:
        thresholds: ``(T,)`` ascending.

    Returns:
        ``(T,)`` int64 how many are above, and how many not below each threshold; how many
        there are.
    """
    above, at_least = np.zeros((2, len(thresholds)), dtype=np.int64)
    total = 0
    for block_start, block in checked_blocks(similarity_rows, rule, start, stop, query_chunk):
        rows, columns = rule.apply(block, block_start)
        block[torch.as_tensor(rows), torch.as_tensor(columns)] = -torch.inf
        differing = block.flatten().cpu().numpy()
        differing.sort()  # faster than a search among the thresholds for each
        size = len(differing)
        above += size - np.searchsorted(differing, thresholds, side='right')
        at_least += size - np.searchsorted(differing, thresholds, side='left')
        total += size - int(np.searchsorted(differing, -np.inf, side='right'))
    return above, at_least, total


def verification_rates(
    matching: np.ndarray,
    above: np.ndarray,
    at_least: np.ndarray,
    num_differing: int,
    fprs: Sequence[float],
) -> dict[str, float]:
    """What :func:`verification_metrics` gives, from counts.

    Args:
        matching: ``(M,)`` similarities of the pairs of one identity.
        above: see :func:`count_differing`, for the distinct of these as thresholds.
        at_least: the same.
        num_differing: pairs of two identities.
        fprs: false positive rates.

    Raises:
        ValueError: there is no pair of one identity, or none of two.
    """
    if not len(matching) or not num_differing:
        raise ValueError(
            f'verification takes pairs of one identity and of two, got {len(matching)} and '
            f'{num_differing}'
        )
    counts = np.unique(matching, return_counts=True)[1]
    true_at_least = counts[::-1].cumsum()
    true_above = true_at_least - counts[::-1]
    # Thresholds fall from here on: two points of the curve at each.
    tpr = np.stack([true_above, true_at_least], axis=1).ravel() / len(matching)
    fpr = np.stack([above[::-1], at_least[::-1]], axis=1).ravel() / num_differing
    tpr, fpr = np.append(tpr, 1.0), np.append(fpr, 1.0)
    rates = {'EER': _equal_error_rate(np.append(0.0, tpr), np.append(0.0, fpr))}
    for wanted in fprs:
        rates[f'TPR@FPR={wanted:g}'] = float(tpr[fpr <= wanted].max(initial=0.0))
    return {**rates, 'num_matching': len(matching), 'num_differing': num_differing}


def _equal_error_rate(tpr: np.ndarray, fpr: np.ndarray) -> float:
    excess = fpr + tpr - 1  # from -1 to 1 along the curve, never falling
    after = int(np.argmax(excess >= 0))
    before = after - 1
    share = -excess[before] / (excess[after] - excess[before])
    return float(fpr[before] + share * (fpr[after] - fpr[before]))
