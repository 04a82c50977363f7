"""How far error rates of verification may be off for other identities than those measured."""

from __future__ import annotations

import numpy as np

from .bootstrap import check_resamples, draw_identities, percentile_interval
from .pair_similarities import PairSimilarities

MOST_PAIRS = 200_000
"""Pairs of a kind that are resampled; of more, evenly spaced ones stand for all."""

Interval = tuple[float, float]


def error_rate_intervals(
    pairs: PairSimilarities, identities: np.ndarray, fmr: float, resamples: int, seed: int = 0
) -> tuple[Interval, Interval]:
    """Intervals of FMR and FNMR that as many other identities will show.

    A threshold is chosen on some identities, and the rates are those of others. So each resample
    draws identities twice, with replacement and as many as there are: the first draw chooses the
    threshold, the second gives the rates there. Both identities of a pair are drawn: its weight
    is the product of how often each was (the pigeonhole bootstrap: Owen, "The pigeonhole
    bootstrap", Annals of Applied Statistics 2007). Drawing one side only, as if the other were
    fixed, gives intervals that are too narrow: an identity that looks like many others is in
    many pairs. Copies of one identity are no pair of two.

    Args:
        pairs: similarities; its tail must reach well below the threshold of ``fmr``.
        identities: ``(N,)`` int64 of the images, from 0 on, each of which occurs.
        fmr: that the threshold is chosen for.
        resamples: how many.
        seed: of the draws.

    Returns:
        The 2.5th and 97.5th percentiles of FMR, and of FNMR.

    Raises:
        ValueError: ``resamples`` is below 1 or ``seed`` below 0.
    """
    check_resamples(resamples, seed)
    sizes = np.bincount(identities).astype(np.float64)
    tail, of_tail, step = _thinned(pairs.tail, pairs.tail_pairs)
    first, second = identities[of_tail].T
    genuine, of_genuine, _ = _thinned(pairs.genuine, pairs.genuine_pairs)
    owner = identities[of_genuine[:, 0]]
    # How many of the tail are accepted where the one at each place is the first refused.
    accepted = np.searchsorted(-tail, -tail, side='left')
    draws = np.concatenate([*draw_identities(len(sizes), 2 * resamples, seed)]).astype(float)
    rates = []
    for chosen, tested in zip(draws[::2], draws[1::2], strict=True):
        weights = chosen[first] * chosen[second] * step
        place = int(
            np.searchsorted(np.cumsum(weights), fmr * _pairs_of_two(chosen * sizes), 'right')
        )
        stop = accepted[place] if place < len(tail) else len(tail)
        refused = tail[place] if place < len(tail) else np.float32(pairs.floor)
        below = np.searchsorted(genuine, refused, side='right')
        total, owners = _pairs_of_two(tested * sizes), tested[owner]
        if total and owners.any():
            false_matches = (tested[first[:stop]] * tested[second[:stop]]).sum() * step
            rates.append((false_matches / total, owners[:below].sum() / owners.sum()))
    table = np.array(rates).reshape(-1, 2)
    return percentile_interval(table[:, 0]), percentile_interval(table[:, 1])


def _pairs_of_two(images: np.ndarray) -> float:
    """Pairs of images of two identities, given how many images each has."""
    return float((images.sum() ** 2 - (images**2).sum()) / 2)


def _thinned(values: np.ndarray, pairs: np.ndarray) -> tuple[np.ndarray, np.ndarray, int]:
    """Every ``step``-th of sorted values."""
    step = -(-len(values) // MOST_PAIRS) or 1
    return values[step // 2 :: step], pairs[step // 2 :: step], step
