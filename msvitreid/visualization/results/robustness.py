from __future__ import annotations

import math
from typing import TYPE_CHECKING

from msvitreid.evaluation.robustness import CONDITIONS, RobustnessResult
from msvitreid.visualization._captions import drawable
from msvitreid.visualization.style import COLORS, DASHES, drawing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMNS = 4


def draw_robustness(result: RobustnessResult) -> Figure:
    """Draw mAP over the levels of each condition, with bands, of all nets.

    Levels are equally far apart, as the area takes them.

    Args:
        result: of one net or more.
    """
    names = result.conditions
    columns = min(COLUMNS, len(names))
    rows = math.ceil(len(names) / columns)
    with drawing(max(4.5, 3 * columns), 2.5 * rows + 0.4 + 0.2 * len(result.nets)) as figure:
        axes = figure.subplots(rows, columns, squeeze=False, sharey=True).ravel()
        for ax, name in zip(axes, names, strict=False):
            _draw(ax, result, name)
        for ax in axes[len(names) :]:
            ax.set_axis_off()
        for ax in axes[::columns]:
            ax.set_ylabel('mAP (%)')
        images = result.images
        corrupted = {'query': 'queries', 'gallery': 'gallery', 'both': 'queries and gallery'}
        band = '; bands: 95 % over identities' if images.resamples else ''
        figure.suptitle(
            drawable(
                f'{images.name}, {images.queries:,} queries, {images.gallery:,} gallery images; '
                f'corrupted: {corrupted[images.apply_to]}{band}'
            )
        )
        lines = {line.get_label(): line for ax in axes for line in ax.get_lines()}
        shown = [net.name for net in result.nets]
        figure.legend(
            [lines[str(number)] for number in range(len(shown))],
            [drawable(name) for name in shown],
            loc='outside lower center',
        )
    return figure


def _draw(ax: Axes, result: RobustnessResult, name: str) -> None:
    condition = CONDITIONS[name]
    levels: list[float] = []
    for number, net in enumerate(result.nets):
        curve = net.curve(name)
        if curve is None:
            continue
        color = COLORS[number % len(COLORS)]
        figures = [one.figures['mAP'] for one in curve.levels]
        x = range(len(figures))
        y = [100 * one.value for one in figures]
        dashes = DASHES[number % len(DASHES)]
        ax.plot(x, y, dashes, color=color, marker='o', ms=3, label=str(number))
        if all(one.low is not None for one in figures):
            low, high = ([100 * (one[end] or 0) for one in figures] for end in (1, 2))
            ax.fill_between(x, low, high, color=color, alpha=0.15, lw=0)
        levels = [one.level for one in curve.levels]
    ax.set_title(condition.title)
    ax.set_xticks(range(len(levels)), ['none', *map(condition.shown, levels[1:])])
    ax.set_xlabel(condition.quantity)
    ax.set_ylim(0, None)
    ax.grid()
