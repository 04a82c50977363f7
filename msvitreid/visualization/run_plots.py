"""Several runs in one picture: curves over training, and final figures side by side."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .run_record import Curve, RunRecord
from .run_table import Groups, group_statistics, is_share, spread

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

#: Told apart by most colour-blind eyes (Okabe and Ito), and two more.
_COLOURS = (
    '#0072b2',
    '#d55e00',
    '#009e73',
    '#cc79a7',
    '#e69f00',
    '#56b4e9',
    '#222222',
    '#8c564b',
    '#8a8f98',
)
_DASHES = ('-', '--', ':')
_FAINT = '#6e757d'

#: Of names, in characters: where a line ends, and what is cut. A line's height in inches.
_WIDTH, _LONGEST, _LINE = 26, 72, 0.17


def draw_runs(
    runs: Sequence[RunRecord],
    groups: Groups,
    metrics: Sequence[str],
    out: str | Path | None = None,
) -> Figure:
    """Draw loss, learning rate and validation curves, and the final figures.

    A group has one colour: its runs are thin lines, their mean a thick one.

    Args:
        runs: all runs, those of groups too; all with the same ``unit``.
        groups: runs that belong together, by name; they can be none.
        metrics: figures to draw, one column each.
        out: PNG file to save the picture to; its folder is made if need be.

    Raises:
        ValueError: there is nothing to draw.
    """
    # Here, as nothing else needs it; a figure of its own leaves pyplot's backend alone.
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    series = _series(runs, groups)
    rows = _curve_rows(runs, metrics)
    finals = [metric for metric in metrics if any(metric in run.final for run in runs)]
    if not rows and not finals:
        raise ValueError('the runs have neither curves nor figures to draw')
    columns = max([len(row) for row in rows] + [len(finals)])
    labels = _labels(list(series))
    legend = _legend_height(labels, columns)
    heights = [3.0 * len(rows) + legend] * bool(rows)
    heights += [0.8 + max(0.34, _LINE * _most_lines(labels)) * len(series)] * bool(finals)
    # So that numbers beside a panel, and names before it, end well before whatever is next.
    engine = ConstrainedLayoutEngine(w_pad=0.15, h_pad=0.06)
    figure = Figure(figsize=(5.6 * columns, sum(heights)), dpi=110, layout=engine)
    # Curves and final figures apart: room for the names is taken from the latter only.
    parts = figure.subfigures(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0]
    if rows:
        _draw_curves(parts[0], series, rows, columns, runs[0].unit)
        _draw_legend(parts[0], series, labels, 2 * columns)
    if finals:
        _draw_finals(parts[-1], series, labels, finals, columns)
    if out is not None:
        Path(out).parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(out)
    return figure


def _series(runs: Sequence[RunRecord], groups: Groups) -> dict[str, list[RunRecord]]:
    """What has a colour of its own: the groups, then the runs outside of them."""
    grouped = {id(run) for members in groups.values() for run in members}
    single = {run.name: [run] for run in runs if id(run) not in grouped}
    return {**{name: list(members) for name, members in groups.items()}, **single}


def _curve_rows(
    runs: Sequence[RunRecord], metrics: Sequence[str]
) -> list[list[tuple[str, str]]]:
    """Panels with curves, each a kind and a key; one validation makes no curve."""
    training = [key for key in ('loss', 'lr') if any(key in run.training for run in runs)]
    validation = [
        metric
        for metric in metrics
        if any(len(run.validation.get(metric, ())) > 1 for run in runs)
    ]
    rows = [[('training', key) for key in training], [('validation', m) for m in validation]]
    return [row for row in rows if row]


def _draw_curves(
    part: SubFigure,
    series: Mapping[str, Sequence[RunRecord]],
    rows: Sequence[Sequence[tuple[str, str]]],
    columns: int,
    unit: str,
) -> None:
    axes = part.subplots(len(rows), columns, squeeze=False)
    for ax in axes.flat:
        ax.set_visible(False)
    for row, panels in zip(axes, rows, strict=True):
        for ax, (kind, key) in zip(row, panels, strict=False):
            _plot_curves(ax, series, kind, key, unit)


def _draw_finals(
    part: SubFigure,
    series: Mapping[str, Sequence[RunRecord]],
    labels: Sequence[str],
    metrics: Sequence[str],
    columns: int,
) -> None:
    # The names stand before the first panel and count for all.
    axes = part.subplots(1, columns, sharey=True, squeeze=False)[0]
    for ax in axes:
        ax.set_visible(False)
    for ax, metric in zip(axes, metrics, strict=False):
        _plot_finals(ax, series, metric)
    axes[0].set_yticks(range(len(series)), labels, fontsize=9)
    axes[0].set_ylim(len(series) - 0.5, -0.5)


def _style(number: int) -> tuple[str, str]:
    return _COLOURS[number % len(_COLOURS)], _DASHES[number // len(_COLOURS) % len(_DASHES)]


def _plot_curves(
    ax: Axes, series: Mapping[str, Sequence[RunRecord]], kind: str, key: str, unit: str
) -> None:
    scale = _scale(key)
    for number, members in enumerate(series.values()):
        colour, dash = _style(number)
        # Runs often share a schedule: what lies below shows on both sides of what lies above.
        width = 1.5 + 0.8 * (len(series) - 1 - number) * (key == 'lr')
        curves = [curve for run in members if (curve := getattr(run, kind).get(key))]
        alone = len(members) == 1
        # Without a marker, nothing is seen of a single point.
        marked = kind == 'validation' or any(len(curve) == 1 for curve in curves)
        marker = 'o' if marked else None
        for curve in curves:
            x, y = np.array(curve).T
            ax.plot(
                x,
                y * scale,
                color=colour,
                ls=dash,
                lw=width if alone else 0.8,
                alpha=1 if alone else 0.45,
                marker=marker,
                ms=3.5 if alone else 2.5,
            )
        if not alone and curves:
            x, y = _mean_curve(curves)
            ax.plot(x, y * scale, color=colour, ls=dash, lw=width + 0.5, marker=marker, ms=3.5)
    names = {'lr': 'learning rate', 'loss': 'training loss'}
    title = names.get(key, f'{key} in validation') + (' (%)' if scale != 1 else '')
    _finish(ax, title, unit)


def _mean_curve(curves: Sequence[Curve]) -> tuple[np.ndarray, np.ndarray]:
    """The mean over the part that all curves cover, at the points of the first."""
    first = max(curve[0][0] for curve in curves)
    last = min(curve[-1][0] for curve in curves)
    x = np.array([point for point, _ in curves[0] if first <= point <= last])
    heights = [np.interp(x, *np.array(curve).T) for curve in curves]
    return x, np.mean(heights, axis=0)


def _plot_finals(ax: Axes, series: Mapping[str, Sequence[RunRecord]], metric: str) -> None:
    scale = _scale(metric)
    statistics = group_statistics(series, metric)
    for number, (name, members) in enumerate(series.items()):
        if name not in statistics:
            continue
        colour, _ = _style(number)
        middle, deviation, _ = statistics[name]
        values = np.array([run.final[metric] for run in members if metric in run.final])
        if deviation is None:
            ax.plot(values * scale, [number], 'o', color=colour, ms=7)
        else:
            ax.plot(values * scale, [number] * len(values), 'o', color=colour, ms=5, alpha=0.45)
            ax.errorbar(
                middle * scale, number, xerr=deviation * scale, fmt='|', color=colour,
                ms=13, mew=2.2, capsize=4,
            )  # fmt: skip
        ax.annotate(
            spread(metric, statistics[name], len(members)),
            (1, number),
            xycoords=('axes fraction', 'data'),
            xytext=(6, 0),
            textcoords='offset points',
            va='center',
            fontsize=9,
        )
    ax.margins(x=0.15)
    ax.locator_params(axis='x', nbins=6)
    ax.grid(axis='x', color='#e3e6ea')
    sources = {run.source for members in series.values() for run in members}
    which = sources.pop() if len(sources) == 1 else 'not all of the same kind of net'
    _finish(ax, f'final {metric}' + (' (%)' if scale != 1 else '') + f', {which}', None)


def _finish(ax: Axes, title: str, unit: str | None) -> None:
    from matplotlib.ticker import MaxNLocator

    ax.set_visible(True)
    ax.set_title(title, fontsize=11)
    ax.set_axisbelow(True)
    ax.spines[['top', 'right']].set_visible(False)
    if unit is not None:
        ax.set_xlabel(unit, color=_FAINT)
        whole = MaxNLocator('auto', integer=True, min_n_ticks=1, steps=[1, 2, 5, 10])
        ax.xaxis.set_major_locator(whole)
        ax.grid(color='#e3e6ea')


def _draw_legend(
    part: SubFigure,
    series: Mapping[str, Sequence[RunRecord]],
    labels: Sequence[str],
    columns: int,
) -> None:
    from matplotlib.lines import Line2D

    handles = []
    for number, (label, members) in enumerate(zip(labels, series.values(), strict=True)):
        colour, dash = _style(number)
        count = f'\n(mean of {len(members)})' if len(members) > 1 else ''
        handles.append(Line2D([], [], color=colour, ls=dash, lw=2, label=label + count))
    part.legend(
        handles=handles,
        loc='outside upper center',
        ncols=min(columns, len(handles)),
        frameon=False,
        fontsize=9,
    )


def _legend_height(labels: Sequence[str], columns: int) -> float:
    rows = -(-len(labels) // (2 * columns))
    return 0.3 + rows * _LINE * (_most_lines(labels) + 1)


def _labels(names: Sequence[str]) -> list[str]:
    """The names in lines; long ones are cut in their middle while they stay different."""
    longest = max(map(len, names))
    for length in range(min(_LONGEST, longest), longest + 1):
        cut = [_cut(name, length) for name in names]
        if len(set(cut)) == len(names):
            break
    return [textwrap.fill(name, _WIDTH) for name in cut]


def _cut(name: str, length: int) -> str:
    if len(name) <= length:
        return name
    end = length // 2
    return f'{name[: length - 1 - end]}…{name[-end:]}'


def _most_lines(labels: Sequence[str]) -> int:
    return max(label.count('\n') for label in labels) + 1


def _scale(metric: str) -> int:
    return 100 if is_share(metric) else 1
