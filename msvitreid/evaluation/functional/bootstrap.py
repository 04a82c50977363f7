"""How far a figure may be off because other identities could have been tested."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np

from .inputs import Labels, as_labels, check_whole

INTERVAL = (2.5, 97.5)
"""Percentiles between which 95 % of the resamples lie."""

_BLOCK = 64
"""Resamples drawn at once."""


def bootstrap_intervals(
    values: Mapping[str, np.ndarray], pids: Labels, resamples: int, seed: int = 0
) -> dict[str, tuple[float, float]]:
    """Percentile intervals of means over queries, from resampled identities.

    Images of one identity look alike, so that they are no independent draws: identities are
    drawn, with replacement and as many as there are, and each brings all of its queries (the
    cluster bootstrap). The gallery stays as it is.

    Memory: ``len(values)`` numbers for each identity and resample, no more.

    Args:
        values: figures of ``Q`` queries by name, ``(Q,)``; NaN is left out of means.
        pids: ``(Q,)`` identities of the queries.
        resamples: how many.
        seed: of the draws.

    Returns:
        By name the 2.5th and the 97.5th percentile of the resampled means; NaN where there is
        no value.

    Raises:
        ValueError: lengths disagree, ``resamples`` is below 1 or ``seed`` below 0.
    """
    table = np.stack([np.asarray(value, dtype=np.float64) for value in values.values()])
    labels = as_labels(pids, table.shape[1], 'pids')
    check_resamples(resamples, seed)
    used = ~np.isnan(table).all(axis=0)
    if not used.any():
        return dict.fromkeys(values, (float('nan'), float('nan')))
    table, labels = table[:, used], labels[used]
    identities, place = np.unique(labels, return_inverse=True)
    known = ~np.isnan(table)
    size = len(identities)
    sums, counts = (
        np.stack([np.bincount(place, row, minlength=size) for row in rows], axis=1)
        for rows in (np.where(known, table, 0), known)
    )
    with np.errstate(invalid='ignore'):  # a resample without any value of a figure
        means = [
            (draws @ sums) / (draws @ counts)
            for draws in draw_identities(size, resamples, seed)
        ]
    columns = np.concatenate(means).T
    return {
        name: percentile_interval(column) for name, column in zip(values, columns, strict=True)
    }


def bootstrap_labelings(
    measure: Callable[[np.ndarray, np.ndarray], float],
    classes: Labels,
    clusters: Labels,
    resamples: int,
    seed: int = 0,
) -> tuple[float, float]:
    """The same for a measure of two labelings, such as NMI.

    Classes are drawn; one that is drawn twice counts as two classes. The clusters stay as they
    are.

    Args:
        measure: of ``(N,)`` classes and ``(N,)`` clusters.
        classes: ``(N,)``.
        clusters: ``(N,)``.
        resamples: how many.
        seed: of the draws.

    Returns:
        The 2.5th and the 97.5th percentile.

    Raises:
        ValueError: as :func:`bootstrap_intervals`, or there is no image.
    """
    check_resamples(resamples, seed)
    labels = as_labels(classes, None, 'classes')
    found = as_labels(clusters, len(labels), 'clusters')
    if not len(labels):
        raise ValueError('classes holds no label')
    _, place, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    members = np.split(np.argsort(place, kind='stable'), np.cumsum(sizes)[:-1])
    values = []
    for draws in draw_identities(len(sizes), resamples, seed):
        for times in draws:
            drawn = np.repeat(np.arange(len(sizes)), times)
            images = np.concatenate([members[one] for one in drawn])
            copies = np.repeat(np.arange(len(drawn)), sizes[drawn])
            values.append(measure(copies, found[images]))
    return percentile_interval(np.array(values))


def check_resamples(resamples: int, seed: int = 0) -> None:
    """Check arguments of a bootstrap.

    Raises:
        ValueError: ``resamples`` is below 1 or ``seed`` below 0.
    """
    check_whole(resamples, 1, 'resamples')
    check_whole(seed, 0, 'seed')


def percentile_interval(resampled: np.ndarray) -> tuple[float, float]:
    """The 2.5th and the 97.5th percentile of ``(R,)`` figures; NaN is left out.

    Both are NaN where nothing is left.
    """
    known = resampled[~np.isnan(resampled)]
    if not len(known):
        return float('nan'), float('nan')
    low, high = np.percentile(known, INTERVAL)
    return float(low), float(high)


def draw_identities(size: int, resamples: int, seed: int) -> Iterator[np.ndarray]:
    """``(B, size)`` int64 how often each identity is drawn, until there are ``resamples``."""
    rng = np.random.default_rng(seed)
    for start in range(0, resamples, _BLOCK):
        count = min(_BLOCK, resamples - start)
        yield rng.multinomial(size, np.full(size, 1 / size), size=count)
