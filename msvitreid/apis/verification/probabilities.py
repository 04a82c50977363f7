"""Similarities to probabilities, and how reliable these are."""

from __future__ import annotations

import numpy as np

from msvitreid.evaluation.functional.pair_similarities import BIN_EDGES, STEPS

from .card import Reliability, ReliabilityBin

CENTERS = BIN_EDGES + 0.5 / STEPS
RELIABILITY_BINS = 10

Points = tuple[tuple[float, float], ...]


def fit_probability(histogram: np.ndarray) -> Points:
    """Isotonic regression of "same" on similarity, both kinds having the same total weight.

    Probabilities stay off 0 and 1 by what so many pairs cannot exclude (Laplace's rule).

    Args:
        histogram: ``(2, bins)`` numbers of pairs of two identities, and of one; none is empty.

    Returns:
        ``(similarity, p)``, similarities ascending and p never falling.
    """
    from sklearn.isotonic import IsotonicRegression

    weights = _balanced(histogram)
    used = weights.sum(axis=0) > 0
    total, same = weights.sum(axis=0)[used], weights[1][used]
    closest = 1 / (2 + histogram.sum(axis=1).min())
    fit = IsotonicRegression(y_min=closest, y_max=1 - closest)
    fit.fit(np.minimum(CENTERS[used], 1), same / total, sample_weight=total)
    return tuple(zip(fit.X_thresholds_.tolist(), fit.y_thresholds_.tolist(), strict=True))


def measure_reliability(histograms: np.ndarray) -> Reliability:
    """Reliability of probabilities on pairs of identities that they were not fitted on.

    Args:
        histograms: ``(2, 2, bins)`` as :func:`fit_probability` takes, of pairs within either of
            two halves of the identities, none of them empty. Each is judged by what was fitted
            on the other.
    """
    sums = np.zeros((3, RELIABILITY_BINS))  # weight, probability, same
    counts = np.zeros(RELIABILITY_BINS, np.int64)
    for fitted, judged in ((0, 1), (1, 0)):
        places, values = np.array(fit_probability(histograms[fitted])).T
        p = np.interp(CENTERS, places, values)
        of_bin = np.minimum((p * RELIABILITY_BINS).astype(int), RELIABILITY_BINS - 1)
        weights = _balanced(histograms[judged])
        both = weights.sum(axis=0)
        for row, numbers in zip(sums, (both, both * p, weights[1]), strict=True):
            row += np.bincount(of_bin, numbers, RELIABILITY_BINS)
        np.add.at(counts, of_bin, histograms[judged].sum(axis=0))
    weight, probability, same = sums[:, counts > 0]
    error = float((np.abs(probability - same)).sum() / weight.sum())
    return Reliability(
        error,
        tuple(
            ReliabilityBin(float(p / w), float(min(s / w, 1)), int(n))
            for w, p, s, n in zip(weight, probability, same, counts[counts > 0], strict=True)
        ),
    )


def _balanced(histogram: np.ndarray) -> np.ndarray:
    """Weights of pairs, of each kind 0.5 in all."""
    return histogram / (2 * histogram.sum(axis=1, keepdims=True))
