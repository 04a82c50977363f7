from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from msvitreid.evaluation.functional import RetrievalCurves
from msvitreid.visualization._captions import drawable, drawable_title
from msvitreid.visualization.style import COLORS, DASHES, FAINT, drawing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LOWEST = 1e-6
"""Rates below it are drawn at it, as 0 has no place on a logarithmic axis."""


def draw_curves(nets: Mapping[str, RetrievalCurves], title: str) -> Figure:
    """Draw CMC, precision over recall, DET and similarities of pairs, of several nets in one.

    Args:
        nets: curves by the net's name, at least one.
        title: written above everything.

    Raises:
        ValueError: there is no net.
    """
    if not nets:
        raise ValueError('there is no net to draw')
    with drawing(10, 7.6) as figure:
        figure.suptitle(drawable_title(title, 10))
        axes = figure.subplots(2, 2)
        for number, curves in enumerate(nets.values()):
            style = {
                'color': COLORS[number % len(COLORS)],
                'ls': DASHES[number % len(DASHES)],
            }
            _draw_cmc(axes[0, 0], curves, style)
            _draw_precision(axes[0, 1], curves, style)
            _draw_det(axes[1, 0], curves, style)
        for ax in axes.flat:
            ax.grid()
        _finish_det(axes[1, 0])
        _draw_similarities(axes[1, 1], list(nets.values()))
        names = [
            f'{drawable(name)}: rank-1 {curves.cmc[0]:.1%}, EER {curves.eer:.2%}, '
            f'{curves.num_queries:,} queries'
            for name, curves in nets.items()
        ]
        figure.legend(axes[0, 0].get_lines(), names, loc='outside lower center')
    return figure


def _draw_cmc(ax: Axes, curves: RetrievalCurves, style: Mapping[str, Any]) -> None:
    ranks = np.arange(1, len(curves.cmc) + 1)
    ax.plot(ranks, 100 * curves.cmc, marker='o', ms=3, **style)
    ax.set_title('CMC')
    ax.set_xlabel('rank')
    ax.set_ylabel('queries with a match up to it (%)')
    ax.locator_params(axis='x', integer=True)


def _draw_precision(ax: Axes, curves: RetrievalCurves, style: Mapping[str, Any]) -> None:
    ax.plot(np.linspace(0, 100, len(curves.precision)), 100 * curves.precision, **style)
    ax.set_title('precision over recall, mean of the queries')
    ax.set_xlabel('recall (%)')
    ax.set_ylabel('largest precision from there on (%)')
    ax.set_xlim(0, 100)
    ax.set_ylim(0, 102)


def _draw_det(ax: Axes, curves: RetrievalCurves, style: Mapping[str, Any]) -> None:
    fmr, fnmr = (100 * np.maximum(rates, LOWEST) for rates in (curves.fmr, curves.fnmr))
    # Where no pair of one identity is missed there is nothing to read.
    seen = (curves.fnmr > 0) & (curves.fmr > 0)
    ax.plot(fmr[seen], fnmr[seen], **style)
    if curves.eer > LOWEST:
        ax.plot(100 * curves.eer, 100 * curves.eer, 'o', color=style['color'], ms=5)


def _finish_det(ax: Axes) -> None:
    ax.set_xscale('log')
    ax.set_yscale('log')
    limits = ax.get_xlim(), ax.get_ylim()
    ends = min(limits[0][0], limits[1][0]), 100
    ax.plot(ends, ends, color=FAINT, lw=0.8, ls=':')
    ax.set_xlim(limits[0])
    ax.set_ylim(limits[1])
    ax.xaxis.set_major_formatter('{x:g}')
    ax.yaxis.set_major_formatter('{x:g}')
    ax.set_title('DET; dot: equal error rate')
    ax.set_xlabel('false match rate (%)')
    ax.set_ylabel('false non-match rate (%)')


def _draw_similarities(ax: Axes, nets: list[RetrievalCurves]) -> None:
    for number, curves in enumerate(nets):
        color = COLORS[number % len(COLORS)]
        width = curves.edges[1] - curves.edges[0]
        for counts, filled in ((curves.same, True), (curves.different, False)):
            density = counts / max(1, counts.sum()) / width
            options = {'fill': True, 'alpha': 0.35} if filled else {'fill': False}
            ax.stairs(density, curves.edges, color=color, lw=1.3, **options)
    used = [one.same + one.different for one in nets]
    seen = np.flatnonzero(np.sum(used, axis=0))
    edges = nets[0].edges
    ax.set_xlim(
        float(edges[max(0, seen[0] - 1)]), float(edges[min(len(edges) - 1, seen[-1] + 2)])
    )
    ax.set_title('pairs of one identity (filled) and of two (line)')
    ax.set_xlabel('similarity')
    ax.set_ylabel('density, each kind by itself')
