from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from msvitreid.evaluation.functional import CameraPairs
from msvitreid.visualization._captions import drawable, drawable_title
from msvitreid.visualization.style import EMPTY, FAINT, INK, PAPER, SEQUENTIAL, drawing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FIGURES = ('mAP', 'rank-1')


def draw_camera_pairs(
    pairs: CameraPairs,
    title: str,
    query_names: Sequence[str] | None = None,
    gallery_names: Sequence[str] | None = None,
) -> Figure:
    """Draw mAP and rank-1 by query and gallery camera, with the number of queries in each cell.

    Args:
        pairs: with the figures ``mAP`` and ``rank-1``.
        title: written above everything.
        query_names, gallery_names: what the cameras are called; by default their numbers.

    Raises:
        ValueError: a figure is missing, or names are not as many as cameras.
    """
    if missing := [name for name in FIGURES if name not in pairs.figures]:
        raise ValueError(f'the camera pairs lack the figure {missing[0]}')
    of_query = [str(camera) for camera in pairs.query_cameras]
    of_gallery = [str(camera) for camera in pairs.gallery_cameras]
    of_query = of_query if query_names is None else [drawable(name) for name in query_names]
    of_gallery = (
        of_gallery if gallery_names is None else [drawable(name) for name in gallery_names]
    )
    shape = pairs.num_matched.shape
    if (len(of_query), len(of_gallery)) != shape:
        raise ValueError(
            f'{len(of_query)} and {len(of_gallery)} names of {shape[0]} and {shape[1]} cameras'
        )
    cell = 0.62
    size = 2 * (cell * shape[1] + 0.9) + 1.1, cell * shape[0] + 2.1
    width = max(6.5, size[0])
    lines = drawable_title(title, width)
    tall = size[1] + 0.2 * lines.count('\n')
    with drawing(width, tall, images=True) as figure:
        figure.suptitle(lines)
        axes = figure.subplots(1, 2)
        for ax, name in zip(axes, FIGURES, strict=True):
            _draw(ax, 100 * pairs.figures[name], pairs.num_matched)
            ax.set_title(f'{name} (%); below: queries with a match')
            tilted = 45 if max(map(len, of_gallery)) > 4 else 0
            ax.set_xticks(range(shape[1]), of_gallery, rotation=tilted)
            ax.set_yticks(range(shape[0]), of_query)
            ax.set_xlabel('gallery camera')
            ax.set_ylabel('query camera')
        bar = figure.colorbar(axes[1].images[0], ax=axes, shrink=0.8, pad=0.01)
        bar.set_label('%')
        bar.outline.set_visible(False)
    return figure


def _draw(ax: Axes, percent: np.ndarray, counts: np.ndarray) -> None:
    from matplotlib import colormaps

    colors = colormaps[SEQUENTIAL].with_extremes(bad=EMPTY)
    ax.imshow(np.ma.masked_invalid(percent), cmap=colors, vmin=0, vmax=100)
    # Lines of paper between the cells.
    for axis, length in ((ax.axvline, percent.shape[1]), (ax.axhline, percent.shape[0])):
        for place in range(1, length):
            axis(place - 0.5, color=PAPER, lw=1)
    for (row, column), value in np.ndenumerate(percent):
        if np.isnan(value):
            ax.text(column, row, 'none', color=FAINT, ha='center', va='center', fontsize=7)
            continue
        ink = PAPER if value < 55 else INK
        ax.text(column, row - 0.12, f'{value:.1f}', color=ink, ha='center', va='center')
        count = f'{counts[row, column]:,}'
        ax.text(column, row + 0.24, count, color=ink, ha='center', va='center', fontsize=6.5)
    ax.tick_params(length=0)
    for spine in ax.spines.values():
        spine.set_visible(False)
