"""Part pooling drawn over images, and a similarity as a sum of what the vectors add."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from msvitreid.visualization._captions import drawable_title
from msvitreid.visualization.style import (
    BLUE,
    COLORS,
    FAINT,
    SEQUENTIAL,
    VERMILION,
    drawing,
    without_axes,
)

from .pooled_parts import PooledVector, SimilarityShares

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable
    from matplotlib.figure import Figure


class PartsRow(NamedTuple):
    """One row of the picture.

    Attributes:
        label: written to its left.
        image: ``(H, W, 3)`` uint8 RGB, as the net gets it.
        vectors: of this image.
    """

    label: str
    image: np.ndarray
    vectors: Sequence[PooledVector]


def draw_parts(
    rows: Sequence[PartsRow], title: str, shares: SimilarityShares | None = None
) -> Figure:
    """Draw which rows belong to which part, and where the vectors come from.

    Args:
        rows: at least one, all of one net.
        title: written above everything.
        shares: of the similarity of two rows, drawn as bars below them.

    Raises:
        ValueError: there is no row.
    """
    if not rows:
        raise ValueError('there is no image to draw')
    height, width = rows[0].image.shape[:2]
    columns = 1 + len(rows[0].vectors)
    tall = min(4.0, 1.9 * height / width)
    each = max(1.45, tall * width / height)
    bars = 0.0 if shares is None else 0.9 + 0.3 * len(shares.names)
    size = each * columns + 1.2, (tall + 0.65) * len(rows) + 0.7 + bars
    with drawing(*size) as figure:
        figure.suptitle(drawable_title(title, size[0]))
        heights = [tall + 0.65] * len(rows) + ([bars] if bars else [])
        grid = figure.add_gridspec(len(heights), columns, height_ratios=heights)
        for number, row in enumerate(rows):
            axes = [figure.add_subplot(grid[number, column]) for column in range(columns)]
            axes[0].set_ylabel(row.label)
            _draw_rows(axes[0], row)
            for ax, vector in zip(axes[1:], row.vectors, strict=True):
                shown = _draw_weights(ax, row.image, vector)
        bar = figure.colorbar(shown, ax=figure.axes, shrink=0.5, pad=0.01, aspect=30)
        bar.set_label('share, relative to the largest')
        bar.outline.set_visible(False)
        if shares is not None:
            _draw_shares(figure.add_subplot(grid[-1, :]), shares)
    return figure


def _draw_rows(ax: Axes, row: PartsRow) -> None:
    height = row.image.shape[0]
    parts = [vector for vector in row.vectors if vector.name.startswith('part ')]
    ax.imshow(row.image)
    rows = row.vectors[-1].weights.shape[0]
    for number, part in enumerate(parts):
        color = COLORS[number % len(COLORS)]
        for one in part.rows:
            top, bottom = (height * edge / rows - 0.5 for edge in (one, one + 1))
            ax.axhspan(top, bottom, color=color, alpha=0.45, lw=0)
    ax.set_title(f'rows of\n{len(parts)} parts\n')
    without_axes(ax)


def _draw_weights(ax: Axes, image: np.ndarray, vector: PooledVector) -> ScalarMappable:
    height, width = image.shape[:2]
    ax.imshow(image)
    outside = np.ones(len(vector.weights), dtype=bool)
    outside[vector.rows] = False
    largest = vector.weights.max()
    weights = np.ma.array(vector.weights / (largest or 1.0))
    weights[outside] = np.ma.masked
    shown = ax.imshow(
        weights,
        cmap=SEQUENTIAL,
        alpha=0.6,
        vmin=0,
        vmax=1,
        extent=(-0.5, width - 0.5, height - 0.5, -0.5),
        interpolation='nearest',
    )
    # Of a root mean square all channels count, of a maximum those that have one.
    ax.set_title(f'{vector.name}\n{vector.channels} channels\nup to {largest:.0%}')
    without_axes(ax)
    return shown


def _draw_shares(ax: Axes, shares: SimilarityShares) -> None:
    places = np.arange(len(shares.names))
    colors = [BLUE if share >= 0 else VERMILION for share in shares.shares]
    ax.barh(places, shares.shares, color=colors, height=0.7)
    ax.axvline(0, color=FAINT, lw=0.8)
    names = [
        f'{name} (cosine {cosine:+.2f})'
        for name, cosine in zip(shares.names, shares.cosines, strict=True)
    ]
    ax.set_yticks(places, names)
    ax.invert_yaxis()
    for place, share in zip(places, shares.shares, strict=True):
        beyond = (4, 'left') if share >= 0 else (-4, 'right')
        ax.annotate(
            f'{share:+.3f}',
            (share, place),
            (beyond[0], 0),
            textcoords='offset points',
            ha=beyond[1],
            va='center',
        )
    ax.margins(x=0.15)
    ax.set_xlabel('what each vector adds to the similarity')
    ax.set_title(f'similarity {shares.similarity:.4f}')
