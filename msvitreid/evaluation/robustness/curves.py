"""Figures over the levels of a condition, and the area under them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch

from msvitreid.evaluation.functional import (
    MarketRule,
    bootstrap_intervals,
    inner_product_rows,
    mean_values,
    query_values,
    rank_matches,
)

FIGURES = ('mAP', 'rank-1')


class Figure(NamedTuple):
    """A share in [0, 1] and the ends of its 95 % interval over identities, if there is one."""

    value: float
    low: float | None = None
    high: float | None = None


class Level(NamedTuple):
    """The figures at one level of a condition, by name."""

    level: float
    figures: dict[str, Figure]


@dataclass(frozen=True)
class Curve:
    """A net under one condition.

    Attributes:
        condition: its name.
        levels: the clean one, then from mild to strong.
        area: by figure, the area under its curve over the levels, as if they were equally far
            apart, divided by their range: the mean figure from clean to the strongest.
    """

    condition: str
    levels: list[Level]
    area: dict[str, Figure]

    def kept(self, name: str) -> float:
        """The area over the clean figure: 1 if nothing is lost; NaN if that figure is 0."""
        clean = self.levels[0].figures[name].value
        return self.area[name].value / clean if clean else float('nan')


@dataclass(frozen=True)
class Ranking:
    """Who searches whom; the same for all levels.

    Attributes:
        query_pids, gallery_pids: ``(Q,)`` and ``(G,)`` identities.
        query_camids, gallery_camids: cameras, or ``None`` where the protocol knows none.
        self_index: ``(Q,)`` place of each query's own image in the gallery, or ``None``.
        ap: average precision, ``'trapezoid'`` or ``'plain'``.
        unmatched_count: a query without a match counts as 0, as in :class:`RetrievalMetric`; else
            it is left out of the means, as in :class:`ReIDMetric`.
    """

    query_pids: np.ndarray
    gallery_pids: np.ndarray
    query_camids: np.ndarray | None = None
    gallery_camids: np.ndarray | None = None
    self_index: np.ndarray | None = None
    ap: str = 'trapezoid'
    unmatched_count: bool = False

    def values(self, query: torch.Tensor, gallery: torch.Tensor) -> dict[str, np.ndarray]:
        """What each query adds to the means of :data:`FIGURES`, each ``(Q,)`` float64.

        Args:
            query: ``(Q, D)`` unit embeddings.
            gallery: ``(G, D)``.
        """
        rule = MarketRule(
            self.query_pids,
            self.gallery_pids,
            self.query_camids,
            self.gallery_camids,
            self.self_index,
        )
        rule.check_shape(len(query), len(gallery))
        ranked = rank_matches(inner_product_rows(query, gallery), rule, 0, rule.num_queries)
        found = query_values(ranked, self.ap, (1,))
        kept = {name: found[name].astype(np.float64) for name in FIGURES}
        if self.unmatched_count:
            return {name: np.nan_to_num(value) for name, value in kept.items()}
        return kept


def make_curve(
    condition: str,
    values: Mapping[float, Mapping[str, np.ndarray]],
    query_pids: np.ndarray,
    resamples: int = 0,
) -> Curve:
    """A curve with its bands.

    Args:
        condition: its name.
        values: by level, in order and the clean one first, what :meth:`Ranking.values` gives.
        query_pids: ``(Q,)`` identities, which the bootstrap draws.
        resamples: how many; 0 for no intervals.
    """
    levels = [
        Level(level, _with_intervals(found, query_pids, resamples))
        for level, found in values.items()
    ]
    weights = np.ones(len(levels))
    weights[[0, -1]] = 0.5
    weights /= weights.sum()
    areas = {
        name: weights @ np.stack([found[name] for found in values.values()]) for name in FIGURES
    }
    return Curve(condition, levels, _with_intervals(areas, query_pids, resamples))


def _with_intervals(
    values: Mapping[str, np.ndarray], pids: np.ndarray, resamples: int
) -> dict[str, Figure]:
    means = mean_values(values)
    ends = bootstrap_intervals(values, pids, resamples) if resamples else {}
    return {name: Figure(means[name], *ends.get(name, ())) for name in values}
