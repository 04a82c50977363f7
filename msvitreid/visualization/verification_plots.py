"""A calibration in one picture: the DET curve, and how reliable probabilities are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .style import BLUE, FAINT, GRID, VERMILION, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LOWEST = 1e-6
"""Rates below it are drawn at it, as 0 has no place on a logarithmic axis."""


def draw_calibration(
    det: Sequence[tuple[float, float]],
    chosen: tuple[float, float],
    intervals: tuple[tuple[float, float], tuple[float, float]],
    reliability: Sequence[tuple[float, float, int]],
    expected_error: float,
    out: str | Path | None = None,
) -> Figure:
    """Draw error rates over each other, and shares of "same" over probabilities.

    Args:
        det: ``(FMR, FNMR)`` of the curve's points.
        chosen: the same at the threshold chosen.
        intervals: of FMR and of FNMR there.
        reliability: probability, share of "same" and number of pairs of each bin.
        expected_error: the expected calibration error.
        out: PNG file to save the picture to; its folder is made if need be.

    Raises:
        OutputError: it cannot be written.
    """
    # Here, as nothing else needs it; a figure of its own leaves pyplot's backend alone.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 5), dpi=110, layout='constrained')
    left, right = figure.subplots(1, 2)
    _draw_det(left, det, chosen, intervals)
    _draw_reliability(right, reliability, expected_error)
    for ax in (left, right):
        ax.spines[['top', 'right']].set_visible(False)
        ax.grid(color=GRID)
    if out is not None:
        save(figure, out)
    return figure


def _draw_det(
    ax: Axes,
    det: Sequence[tuple[float, float]],
    chosen: tuple[float, float],
    intervals: tuple[tuple[float, float], tuple[float, float]],
) -> None:
    fmr, fnmr = np.maximum(np.array(det).T, LOWEST)
    ax.plot(fmr, fnmr, color=BLUE, lw=1.8)
    limits = min(fmr.min(), fnmr[fnmr > LOWEST].min(initial=1)), 1
    ax.plot(limits, limits, color=FAINT, lw=0.8, ls='--', label='equal error rate')
    errors = [
        [[max(0.0, rate - low)], [max(0.0, high - rate)]]
        for rate, (low, high) in zip(chosen, intervals, strict=True)
    ]
    x, y = (max(rate, LOWEST) for rate in chosen)
    ax.errorbar(
        x,
        y,
        xerr=errors[0],
        yerr=errors[1],
        fmt='o',
        color=VERMILION,
        capsize=3,
        label='threshold',
    )
    ax.set_xscale('log')
    ax.set_yscale('log')
    ax.set_xlim(limits[0] / 1.3, 1.2)
    ax.set_ylim(limits[0] / 1.3, 1.2)
    ax.set_xlabel('false match rate')
    ax.set_ylabel('false non-match rate')
    ax.set_title('DET curve; bars: 95 % for other identities')
    ax.legend(frameon=False, loc='lower left')


def _draw_reliability(
    ax: Axes, reliability: Sequence[tuple[float, float, int]], expected_error: float
) -> None:
    probability, share, pairs = np.array(reliability).T
    ax.plot([0, 1], [0, 1], color=FAINT, lw=0.8, ls='--')
    sizes = 20 + 160 * pairs / pairs.max()
    ax.plot(probability, share, color=BLUE, lw=1)
    ax.scatter(probability, share, s=sizes, color=BLUE, alpha=0.7)
    ax.set_xlim(-0.03, 1.03)
    ax.set_ylim(-0.03, 1.03)
    ax.set_xlabel('probability of "same" (equal numbers of both kinds of pairs)')
    ax.set_ylabel('share that is the same')
    ax.set_title(f'reliability, other identities; expected error {expected_error:.3f}')
