from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch

from msvitreid.evaluation.functional import MarketRule

from .embedded_set import EmbeddedTestSet

QUERY_KINDS = ('best', 'worst', 'random', 'all')


class Rankings(NamedTuple):
    """First images of some queries' rankings, best first.

    Attributes:
        matches: ``(Q, k)`` positions in the gallery, -1 for an empty place.
        similarity: ``(Q, k)``.
        left_out: ``(Q, k)`` booleans: images between the ranked ones that do not count, of the
            query's identity and camera, or junk.
    """

    matches: np.ndarray
    similarity: np.ndarray
    left_out: np.ndarray


def choose_queries(
    average_precisions: np.ndarray, which: str, count: int, seed: int = 0
) -> np.ndarray:
    """Which queries to show.

    Args:
        average_precisions: ``(Q,)``, NaN for a query without a match.
        which: ``'best'`` and ``'worst'`` by AP, of queries with a match, of equal ones the first;
            ``'random'`` of all, in order; ``'all'``.
        count: how many, or as many as there are; it does not matter to ``'all'``.
        seed: of ``'random'``.

    Returns:
        Positions in the array.

    Raises:
        ValueError: ``which`` is none of these.
    """
    if which not in QUERY_KINDS:
        raise ValueError(f'which must be one of {QUERY_KINDS}, got {which!r}')
    total = len(average_precisions)
    if which == 'all':
        return np.arange(total)
    if which == 'random':
        drawn = np.random.default_rng(seed).permutation(total)[:count]
        return np.sort(drawn)
    key = average_precisions if which == 'worst' else -average_precisions
    order = np.argsort(key, kind='stable')
    return order[~np.isnan(average_precisions[order])][:count]


def rank_with_left_out(
    images: EmbeddedTestSet, queries: np.ndarray, k: int, show_left_out: bool = True
) -> Rankings:
    """The first ``k`` images by similarity for some queries, of equal ones the first.

    Args:
        images: of a test set.
        queries: positions in ``images.query``.
        k: how many.
        show_left_out: keep images that do not count at their places; a query itself is never
            among them.
    """
    ranked = images.ranked
    similarity = torch.from_numpy(
        ranked['query_features'][queries] @ ranked['gallery_features'].T
    )
    camids = ranked['query_camids']
    rule = MarketRule(
        ranked['query_pids'][queries],
        ranked['gallery_pids'],
        None if camids is None else camids[queries],
        ranked['gallery_camids'],
        ranked['self_index'][queries],
    )
    counted = similarity.clone()
    rule.apply(counted, 0)
    left_out = (counted == -torch.inf).numpy()
    values = similarity.numpy()
    own = ranked['self_index'][queries]
    rows = np.flatnonzero(own >= 0)
    values[rows, own[rows]] = -np.inf
    if not show_left_out:
        values[left_out] = -np.inf
    order = np.argsort(-values, axis=1, kind='stable')[:, :k]
    shown = np.take_along_axis(values, order, axis=1)
    matches = np.where(shown == -np.inf, -1, order)
    out = np.take_along_axis(left_out, order, axis=1) & (matches >= 0)
    return Rankings(matches, np.where(matches < 0, 0, shown), out)
