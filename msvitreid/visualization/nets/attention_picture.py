"""Kept keys drawn over the image, a column for each stage and branch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from msvitreid.visualization._captions import drawable_title
from msvitreid.visualization.style import (
    BLACK,
    PAPER,
    SEQUENTIAL,
    VERMILION,
    drawing,
    without_axes,
)

from .kept_keys import Attention, KeptKeys

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable
    from matplotlib.figure import Figure

Box = tuple[int, int, int, int]


class AttentionRow(NamedTuple):
    """One row of the picture.

    Attributes:
        label: written to its left.
        image: ``(H, W, 3)`` uint8 RGB, as the net gets it.
        attention: of this image.
        box: top, left, bottom and right of a covered area in pixels, or ``None``.
    """

    label: str
    image: np.ndarray
    attention: Attention
    box: Box | None = None


def draw_attention(rows: Sequence[AttentionRow], title: str) -> Figure:
    """Draw which keys a token keeps at each stage, and the maps of the branches.

    Dots are the kept keys, the brighter the more heads keep them, and the larger the more weight
    they get, a mean over the heads; rings are the keys of the group that no head keeps; the square
    is around the query token.

    Args:
        rows: at least one, all of one net.
        title: written above everything.

    Raises:
        ValueError: there is no row.
    """
    if not rows:
        raise ValueError('there is no image to draw')
    first = rows[0]
    height, width = first.image.shape[:2]
    count = len(first.attention.stages) + len(first.attention.branches)
    tall = min(4.4, 2.0 * height / width)
    across = max(1.6, tall * width / height) * count + 1.4
    with drawing(across, (tall + 0.75) * len(rows) + 0.8, images=True) as figure:
        figure.suptitle(drawable_title(title, across))
        grid = figure.subplots(len(rows), count, squeeze=False)
        for axes, row in zip(grid, rows, strict=True):
            axes[0].set_ylabel(row.label)
            for ax, keys in zip(axes, row.attention.stages, strict=False):
                points = _draw_keys(ax, row, keys)
            branches = axes[len(row.attention.stages) :]
            for number, (ax, map_) in enumerate(
                zip(branches, row.attention.branches, strict=True), start=1
            ):
                _draw_branch(ax, row, number, map_)
        bar = figure.colorbar(points, ax=grid, shrink=0.5, pad=0.01, aspect=30)
        bar.set_label('share of the heads that keep a key')
        bar.outline.set_visible(False)
    return figure


def keys_in_box(keys: KeptKeys, box: Box, image_size: tuple[int, int]) -> int:
    """How many of the kept keys, over all heads, have their center in a box of the image."""
    y, x = _centers(keys.keys, keys.map_size, image_size)
    top, left, bottom, right = box
    inside = (top <= y) & (y < bottom) & (left <= x) & (x < right)
    return int(keys.kept[:, inside].sum())


def _draw_keys(ax: Axes, row: AttentionRow, keys: KeptKeys) -> ScalarMappable:
    size = row.image.shape[:2]
    ax.imshow(row.image, alpha=0.55)
    y, x = _centers(keys.keys, keys.map_size, size)
    weights = keys.shares.mean(axis=0)
    relative = weights / (weights.max() or 1.0)
    kept = keys.kept.any(axis=0)
    ax.scatter(x[~kept], y[~kept], s=14, facecolors='none', edgecolors=BLACK, linewidths=0.5)
    order = np.flatnonzero(kept)[np.argsort(relative[kept])]
    points = ax.scatter(
        x[order],
        y[order],
        s=14 + 60 * relative[order],
        c=keys.kept.mean(axis=0)[order],
        cmap=SEQUENTIAL,
        vmin=0,
        vmax=1,
        edgecolors=BLACK,
        linewidths=0.5,
    )
    query_y, query_x = _centers(np.array([keys.token]), keys.map_size, size)
    for color, width in ((PAPER, 4.0), (VERMILION, 2.0)):
        ax.plot(query_x, query_y, 's', ms=13, mfc='none', mec=color, mew=width)
    heads, tokens = keys.kept.shape
    of_each = int(keys.kept[0].sum())
    title = f'stage {keys.stage}, {keys.map_size[0]}x{keys.map_size[1]}'
    ax.set_title(f'{title}\n{of_each} of {tokens} keys, {heads} heads')
    if row.box is not None:
        covered = keys_in_box(keys, row.box, size)
        ax.set_xlabel(f'{covered} of {heads * of_each} kept\nkeys in the box')
    without_axes(ax)
    return points


def _draw_branch(ax: Axes, row: AttentionRow, number: int, map_: np.ndarray) -> None:
    height, width = row.image.shape[:2]
    ax.imshow(row.image)
    ax.imshow(
        map_,
        cmap=SEQUENTIAL,
        alpha=0.6,
        extent=(-0.5, width - 0.5, height - 0.5, -0.5),
        interpolation='nearest',
    )
    ax.set_title(f'branch {number}, {map_.shape[0]}x{map_.shape[1]}\nstrength, no attention')
    without_axes(ax)


def _centers(
    tokens: np.ndarray, map_size: tuple[int, int], image_size: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Vertical and horizontal pixels of the centers of ``(T, 2)`` tokens."""
    step = np.array(image_size) / np.array(map_size)
    y, x = ((tokens + 0.5) * step - 0.5).T
    return y, x
