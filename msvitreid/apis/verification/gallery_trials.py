"""What happens to error rates when one image is compared with a whole gallery."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from msvitreid.evaluation.functional.bootstrap import bootstrap_intervals
from msvitreid.evaluation.functional.identification import Searches, search_outcomes

from .card import FEWEST_ERRORS, GallerySize

SIZES = (10, 30, 100, 300, 1000, 3000, 10_000, 30_000)
TRIALS = 10
MOST_SEARCHES = 500
"""Of each kind in a trial."""


def measure_galleries(
    unit: np.ndarray,
    identities: np.ndarray,
    cameras: np.ndarray | None,
    threshold: float,
    fpir: float,
    resamples: int,
    seed: int,
) -> tuple[GallerySize, ...]:
    """Draw galleries of growing size from labeled images, and search them.

    In each of ten trials half of the identities are known: of each two thirds of its images may
    be in the gallery, and the rest are searches; all images of the other half are searches too,
    which must find nothing. At most 500 of each kind are made.

    Args:
        unit: ``(N, D)`` float32.
        identities: ``(N,)`` int64.
        cameras: ``(N,)`` int64, negative for unknown: a search finds no image of its own
            identity and camera; ``None`` if cameras do not count.
        threshold: the card's.
        fpir: rate asked for. Sizes whose searches do not support it, by the rule of 30 errors,
            are left out.
        resamples: of the intervals.
        seed: of all draws.
    """
    measured = []
    for place, size in enumerate(SIZES):
        trials, owners = [], []
        for draw in _trials(identities, size, np.random.default_rng([seed, place])):
            gallery, searches = draw
            ignored = None
            if cameras is not None:
                same = identities[searches, None] == identities[gallery]
                ignored = same & ~_two_cameras(cameras[searches, None], cameras[gallery])
            outcomes = search_outcomes(
                (unit[searches] @ unit[gallery].T).clip(-1, 1),
                identities[searches],
                identities[gallery],
                ignored,
            )
            trials.append(outcomes)
            owners.append(searches[~np.isin(identities[searches], identities[gallery])])
        if not trials:
            break
        found = Searches(*(np.concatenate(parts) for parts in zip(*trials, strict=True)))
        if len(found.new) * fpir < FEWEST_ERRORS or not len(found.mates):
            continue
        hits = {'fpir': (found.new >= threshold).astype(np.float64)}
        pids = identities[np.concatenate(owners)]
        at_rate = found.threshold_of_fpir(fpir)
        measured.append(
            GallerySize(
                images=size,
                known_searches=len(found.mates),
                new_searches=len(found.new),
                fpir=found.fpir(threshold),
                fpir_interval=bootstrap_intervals(hits, pids, resamples, seed)['fpir'],
                fnir=found.fnir(threshold),
                threshold=at_rate,
                fnir_at_threshold=found.fnir(at_rate),
            )
        )
    return tuple(measured)


def _trials(
    identities: np.ndarray, size: int, rng: np.random.Generator
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Images of the gallery, and of searches; none if there are too few for the size."""
    names = np.unique(identities)
    for _ in range(TRIALS):
        known = rng.permutation(names)[: len(names) // 2]
        images = rng.permutation(np.flatnonzero(np.isin(identities, known)))
        # Of each identity the first third of its images in this order, rounded down, search.
        order = images[np.argsort(identities[images], kind='stable')]
        _, starts, counts = np.unique(identities[order], return_index=True, return_counts=True)
        place = np.arange(len(order)) - np.repeat(starts, counts)
        is_search = place < np.repeat(counts // 3, counts)
        candidates, mates = order[~is_search], order[is_search]
        if len(candidates) < size:
            return
        gallery = rng.permutation(candidates)[:size]
        mates = mates[np.isin(identities[mates], identities[gallery])]
        new = rng.permutation(np.flatnonzero(~np.isin(identities, known)))
        searches = np.concatenate([rng.permutation(mates)[:MOST_SEARCHES], new[:MOST_SEARCHES]])
        yield gallery, searches


def _two_cameras(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return (one != other) & (one >= 0) & (other >= 0)
