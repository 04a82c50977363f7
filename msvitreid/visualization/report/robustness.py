"""Robustness results as the page shows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from msvitreid.evaluation.robustness import (
    CONDITIONS,
    Curve,
    NetRobustness,
    RobustnessResult,
    TestedImages,
)

from .data import RunFacts


@dataclass(frozen=True)
class ShownRobustness:
    """A result whose nets have the colors of the runs that they are of.

    Attributes:
        images: what was tested on.
        numbered: the number of each net's color, and the net.
        conditions: names of all.
    """

    images: TestedImages
    numbered: list[tuple[int, NetRobustness]]
    conditions: list[str]

    def curves(self, condition: str) -> list[tuple[int, Curve]]:
        """Color and curve of each net that was tested under a condition."""
        found = ((number, net.curve(condition)) for number, net in self.numbered)
        return [(number, curve) for number, curve in found if curve is not None]

    @property
    def tables(self) -> list[tuple[str, list[str]]]:
        """Title and conditions of each table: occlusion has the same levels everywhere."""
        occlusion = [name for name in self.conditions if name.startswith('occlusion-')]
        others = [name for name in self.conditions if name not in occlusion]
        both = (('By covered area', occlusion), ('By strength of other corruptions', others))
        return [(title, names) for title, names in both if names]

    def steps(self, names: Sequence[str]) -> list[str]:
        """Levels of the condition that has most, as they are shown."""
        curves = [(name, curve) for name in names for _, curve in self.curves(name)]
        name, curve = max(curves, key=lambda one: len(one[1].levels))
        return [CONDITIONS[name].shown(one.level) for one in curve.levels[1:]]


def shown_robustness(result: RobustnessResult, runs: Sequence[RunFacts]) -> ShownRobustness:
    """A result for a page of some runs; nets of none of them have the colors that are left."""
    of_run = {run.fingerprint: number for number, run in enumerate(runs) if run.fingerprint}
    further = len(runs)
    numbered = []
    for net in result.nets:
        number = of_run.pop(net.fingerprint, None)
        if number is None:
            number, further = further, further + 1
        numbered.append((number, net))
    return ShownRobustness(result.images, numbered, result.conditions)
