"""All pairs of a set of images, each once, without a matrix of all of them.

:func:`error_rate_intervals` says how far their error rates may be off for other identities.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch

from .bootstrap import check_resamples, draw_identities, percentile_interval
from .inputs import Array, Labels, as_features, as_labels, check_whole
from .similarity import QUERY_CHUNK, check_similarities, inner_products

STEPS = 2**13
"""Bins of a similarity of 1. A power of two, so that similarities are binned without rounding."""

BIN_EDGES = np.arange(-STEPS, STEPS + 1) / STEPS
"""``(2 * STEPS + 1,)`` lower edges; the last bin holds similarities of 1 only."""

MOST_PAIRS = 200_000
"""Pairs of a kind that are resampled; of more, evenly spaced ones stand for all."""

Interval = tuple[float, float]


class PairSimilarities(NamedTuple):
    """Cosine similarities of pairs of images; a pair is of indices ``i < j``.

    Attributes:
        genuine: ``(M,)`` float32 of pairs of one identity, ascending.
        genuine_pairs: ``(M, 2)`` int64, their images.
        tail: ``(T,)`` float32, the highest of pairs of two identities, descending.
        tail_pairs: ``(T, 2)`` int64, their images.
        floor: no pair of two identities that is not in the tail is above it; -2 if all are.
        histograms: ``(groups + 1, 2, 2 * STEPS + 1)`` int64 numbers of pairs in the bins of
            :data:`BIN_EDGES`: of two images of a group, in the last row of two groups; of two
            identities, then of one.
    """

    genuine: np.ndarray
    genuine_pairs: np.ndarray
    tail: np.ndarray
    tail_pairs: np.ndarray
    floor: float
    histograms: np.ndarray

    @property
    def num_impostor(self) -> int:
        """Pairs of two identities."""
        return int(self.histograms[:, 0].sum())

    def false_matches(self, threshold: float) -> int:
        """Pairs of two identities at a threshold above ``floor`` or an edge of a bin."""
        if threshold > self.floor:
            return int(np.searchsorted(-self.tail, -np.float32(threshold), side='right'))
        first = round((threshold + 1) * STEPS)
        return int(self.histograms[:, 0, first:].sum())

    def false_non_matches(self, threshold: float) -> int:
        """Pairs of one identity below a threshold."""
        return int(np.searchsorted(self.genuine, np.float32(threshold), side='left'))

    def threshold_of_false_matches(self, count: int) -> float:
        """The lowest threshold with at most so many false matches; ``count`` up to ``T``."""
        first_refused = self.tail[count] if count < len(self.tail) else self.floor
        return max(-1.0, float(np.nextafter(np.float32(first_refused), np.float32(np.inf))))


def pair_similarities(
    features: Array,
    pids: Labels,
    camids: Labels | None = None,
    tail_size: int = 2**20,
    groups: Labels | None = None,
    chunk: int = QUERY_CHUNK,
) -> PairSimilarities:
    """Collect the similarities of all pairs of images.

    Memory: ``chunk`` rows of similarities, three times, 20 bytes for each pair of one identity
    and 60 for each of the tail.

    Args:
        features: ``(N, D)`` of unit length; similarities are clipped to -1 and 1.
        pids: ``(N,)``.
        camids: ``(N,)``, negative for unknown; pairs of one identity are then of two known
            cameras. ``None`` takes all. Pairs of two identities are of any cameras.
        tail_size: most pairs of two identities that are kept; equal ones are all in or out.
        groups: ``(N,)`` from 0 on, of images whose histograms are counted apart.
        chunk: images compared at once with all others.

    Raises:
        ValueError: shapes disagree, or a feature or similarity is not finite.
    """
    unit = as_features(features, 'features')
    count = len(unit)
    labels = as_labels(pids, count, 'pids')
    cameras = None if camids is None else as_labels(camids, count, 'camids')
    of_group = (
        np.zeros(count, np.int64) if groups is None else as_labels(groups, count, 'groups')
    )
    check_whole(tail_size, 1, 'tail_size')
    check_whole(chunk, 1, 'chunk')
    num_groups = int(of_group.max(initial=0)) + 1
    size = len(BIN_EDGES)
    histograms = np.zeros((num_groups + 1) * 2 * size, np.int64)
    tail = _Tail(tail_size)
    values, pairs = [np.empty(0, np.float32)], [np.empty((0, 2), np.int64)]
    for start, block in _blocks(unit, chunk):
        rows = slice(start, start + len(block))
        same = labels[rows, None] == labels[None, start:]
        later = np.arange(block.shape[1]) > np.arange(len(block))[:, None]
        impostor, genuine = later & ~same, later & same
        if cameras is not None:
            one, other = cameras[rows, None], cameras[None, start:]
            genuine &= (one != other) & (one >= 0) & (other >= 0)
        group = np.where(
            of_group[rows, None] == of_group[None, start:], of_group[rows, None], num_groups
        )
        bins = np.floor(block * np.float32(STEPS)).astype(np.int64) + STEPS
        bins += group * (2 * size)
        for kind, chosen in enumerate((impostor, genuine)):
            histograms += np.bincount(bins[chosen] + kind * size, minlength=len(histograms))
        found = np.stack(np.nonzero(genuine), axis=1)
        values.append(block[genuine])
        pairs.append(found + start)
        impostor &= block > tail.floor
        tail.add(block[impostor], np.stack(np.nonzero(impostor), axis=1) + start)
    joined, joined_pairs = np.concatenate(values), np.concatenate(pairs)
    order = np.argsort(joined, kind='stable')
    return PairSimilarities(
        joined[order],
        joined_pairs[order],
        *tail.finished(),
        histograms.reshape(num_groups + 1, 2, size),
    )


def _blocks(unit: torch.Tensor, chunk: int) -> Iterator[tuple[int, np.ndarray]]:
    """Similarities of some images to themselves and all later ones."""
    for start in range(0, len(unit), chunk):
        block = inner_products(unit[start : start + chunk], unit[start:])
        check_similarities(block, start)
        yield start, block.clamp_(-1, 1).cpu().numpy()


class _Tail:
    """The highest values that were added; what is pushed out by higher ones is forgotten."""

    def __init__(self, size: int) -> None:
        self.floor = -2.0
        self._size = size
        self._values = [np.empty(0, np.float32)]
        self._pairs = [np.empty((0, 2), np.int64)]

    def add(self, values: np.ndarray, pairs: np.ndarray) -> None:
        """Take values that are above the floor."""
        self._values.append(values)
        self._pairs.append(pairs)
        if sum(map(len, self._values)) > 2 * self._size:
            self._prune()

    def finished(self) -> tuple[np.ndarray, np.ndarray, float]:
        """Values, descending, their pairs, and the floor."""
        self._prune()
        order = np.argsort(-self._values[0], kind='stable')
        return self._values[0][order], self._pairs[0][order], self.floor

    def _prune(self) -> None:
        values, pairs = np.concatenate(self._values), np.concatenate(self._pairs)
        if len(values) > self._size:
            place = len(values) - self._size - 1
            self.floor = float(np.partition(values, place)[place])
            kept = values > self.floor
            values, pairs = values[kept], pairs[kept]
        self._values, self._pairs = [values], [pairs]


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
