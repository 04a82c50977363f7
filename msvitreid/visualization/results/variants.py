"""Variants of an experiment: a figure of every run, and the difference to the base."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from msvitreid.visualization._captions import drawable
from msvitreid.visualization.style import BLUE, FAINT, GRID, INK, VERMILION, drawing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class VariantRow:
    """What is drawn of a variant in one test, in [0, 1].

    Attributes:
        title: what it is called.
        values: mAP of its runs.
        difference: of mAP to the base's; ``None`` of the base.
        interval: 95 % of it.
    """

    title: str
    values: Sequence[float]
    difference: float | None = None
    interval: tuple[float, float] | None = None


def draw_variants(tests: Mapping[str, Sequence[VariantRow]]) -> Figure:
    """Draw two panels for each test: mAP of the runs, and differences with their intervals.

    Args:
        tests: rows by the name of the test.

    Raises:
        ValueError: there is nothing to draw.
    """
    if not any(tests.values()):
        raise ValueError('there is no variant to draw')
    rows = max(map(len, tests.values()))
    height = 0.9 + 0.32 * rows
    with drawing(8.5, height * len(tests)) as figure:
        axes = figure.subplots(len(tests), 2, squeeze=False, width_ratios=(3, 2))
        for (name, variants), (left, right) in zip(tests.items(), axes, strict=True):
            _values(left, variants)
            _differences(right, variants)
            prefix = f'{name}: ' if len(tests) > 1 else ''
            left.set_title(f'{prefix}mAP (%) of each run', loc='left')
            right.set_title('difference, 95 %', loc='left')
        return figure


def _values(ax: Axes, variants: Sequence[VariantRow]) -> None:
    for place, one in enumerate(variants):
        values = [100 * value for value in one.values]
        ax.plot(values, [place] * len(values), 'o', color=BLUE, alpha=0.45, ms=5)
        mean = sum(values) / len(values)
        ax.plot([mean], [place], '|', color=INK, ms=13, mew=2)
        ax.annotate(
            f'{mean:.1f}', (1.01, place), xycoords=('axes fraction', 'data'), va='center'
        )
    ax.set_yticks(range(len(variants)), [drawable(one.title) for one in variants])
    _frame(ax, len(variants))


def _differences(ax: Axes, variants: Sequence[VariantRow]) -> None:
    ax.axvline(0, color=FAINT, lw=1)
    for place, one in enumerate(variants):
        if one.difference is None or one.interval is None:
            ax.annotate('base', (0, place), color=FAINT, ha='center', va='center')
            continue
        low, high = one.interval
        # Color says the same as the position: the interval excludes 0 or does not.
        color = INK if low <= 0 <= high else (BLUE if low > 0 else VERMILION)
        ax.plot([100 * low, 100 * high], [place, place], '-', color=color, lw=2)
        ax.plot([100 * one.difference], [place], 'D', color=color, ms=5)
        ax.annotate(
            f'{100 * one.difference:+.1f}',
            (1.01, place),
            xycoords=('axes fraction', 'data'),
            va='center',
        )
    ax.set_yticks([])
    _frame(ax, len(variants))


def _frame(ax: Axes, rows: int) -> None:
    ax.set_ylim(rows - 0.5, -0.5)
    ax.margins(x=0.08)
    ax.grid(axis='x', color=GRID)
    ax.spines['left'].set_visible(False)
    ax.tick_params(axis='y', length=0)
