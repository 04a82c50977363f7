"""Several runs in one picture: curves over training, and final figures side by side."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .run_record import Curve
from .run_table import Series, is_share, mean_and_deviation, shown
from .style import COLORS, DASHES, GRID, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_TITLES = {'loss': 'training loss', 'lr': 'learning rate'}


def draw_runs(series: Series, metrics: Sequence[str], out: str | Path | None = None) -> Figure:
    """Draw loss, learning rate and validation curves, and the final figures.

    Several runs shown as one are thin lines and small dots, their mean is a thick line.

    Args:
        series: runs by the name to show; all with curves over the same ``unit``.
        metrics: figures to draw, one column each.
        out: PNG file to save the picture to; its folder is made if need be.

    Raises:
        ValueError: there is nothing to draw.
    """
    # Here, as nothing else needs it; a figure of its own leaves pyplot's backend alone.
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    rows = list(_rows(series, metrics))
    if not rows:
        raise ValueError('the runs have neither curves nor figures to draw')
    names = [textwrap.fill(name, 26) for name in series]
    lines = max(name.count('\n') + 1 for name in names) * len(names)
    heights = [3.2 if kind != 'final' else 0.8 + 0.2 * (len(names) + lines) for kind, _ in rows]
    columns = max(len(keys) for _, keys in rows)
    size = (5.6 * columns, sum(heights) + 0.2 * lines / columns + 0.4)
    figure = Figure(figsize=size, dpi=110, layout='constrained')
    axes = figure.subplots(
        len(rows), columns, squeeze=False, gridspec_kw={'height_ratios': heights}
    )
    for (kind, keys), row in zip(rows, axes, strict=True):
        for ax in row[len(keys) :]:
            ax.remove()
        for key, ax in zip(keys, row, strict=False):
            if kind == 'final':
                _plot_finals(ax, series, key, names if ax is row[0] else ())
            else:
                _plot_curves(ax, series, kind, key)
            ax.spines[['top', 'right']].set_visible(False)
    handles = [Line2D([], [], **_style(n), lw=2, label=name) for n, name in enumerate(names)]
    figure.legend(handles=handles, loc='outside upper center', ncols=columns, frameon=False)
    if out is not None:
        save(figure, out)
    return figure


def _rows(series: Series, metrics: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """Rows of panels: where a run has the curve or the figure, and what it is called there."""
    wanted = {'training': ('loss', 'lr'), 'validation': metrics, 'final': metrics}
    runs = [run for members in series.values() for run in members]
    for kind, keys in wanted.items():
        found = [key for key in keys if any(key in getattr(run, kind) for run in runs)]
        if found:
            yield kind, found


def _style(number: int) -> dict[str, Any]:
    return {
        'color': COLORS[number % len(COLORS)],
        'ls': DASHES[number // len(COLORS) % len(DASHES)],
    }


def _plot_curves(ax: Axes, series: Series, kind: str, key: str) -> None:
    from matplotlib.ticker import MaxNLocator

    scale = 100 if is_share(key) else 1
    for number, runs in enumerate(series.values()):
        curves = [curve for run in runs if (curve := getattr(run, kind).get(key))]
        is_mean = len(curves) > 1
        for curve in [*curves, *[_mean_curve(curves)] * is_mean]:
            x, y = np.array(curve).reshape(-1, 2).T
            thin = is_mean and curve in curves
            # Without a marker, nothing is seen of a single point.
            marker = 'o' if len(x) == 1 or kind == 'validation' else None
            width, alpha = (0.8, 0.45) if thin else (1.8, 1)
            ax.plot(x, y * scale, **_style(number), lw=width, alpha=alpha, marker=marker, ms=3)
    title = _TITLES.get(key, f'{key} in validation')
    ax.set_title(title + ' (%)' * (scale == 100))
    ax.set_xlabel(next(iter(series.values()))[0].unit)
    ax.xaxis.set_major_locator(MaxNLocator('auto', integer=True, min_n_ticks=1))
    ax.grid(color=GRID)


def _mean_curve(curves: Sequence[Curve]) -> Curve:
    """The mean over the part that all curves cover, at the points of the first."""
    first, last = max(curve[0][0] for curve in curves), min(curve[-1][0] for curve in curves)
    x = [point for point, _ in curves[0] if first <= point <= last]
    heights = np.mean([np.interp(x, *np.array(curve).T) for curve in curves], axis=0)
    return list(zip(x, heights.tolist(), strict=True))


def _plot_finals(ax: Axes, series: Series, metric: str, names: Sequence[str]) -> None:
    scale = 100 if is_share(metric) else 1
    beside = ('axes fraction', 'data')
    for number, runs in enumerate(series.values()):
        color = _style(number)['color']
        values = [scale * run.final[metric] for run in runs if metric in run.final]
        ax.plot(
            values, [number] * len(values), 'o', color=color, alpha=0.5 if values[1:] else 1
        )
        if values[1:] and (found := mean_and_deviation(runs, metric)):
            middle, deviation = (scale * figure for figure in found)
            ax.errorbar(middle, number, xerr=deviation, fmt='|', color=color, ms=13, capsize=4)
        ax.annotate(f' {shown(runs, metric)}', (1, number), xycoords=beside, va='center')
    ax.set_title(f'final {metric}' + ' (%)' * (scale == 100))
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(len(series) - 0.5, -0.5)
    ax.margins(x=0.15)
    ax.grid(axis='x', color=GRID)
