"""A dataset's statistics as plots."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ._captions import drawable, fitted, load_font
from .style import BLUE, FAINT, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_BAR = BLUE
# Beyond so many different values, bars become too thin to be told apart.
_MOST_BARS = 40
_MOST_NAMES = 20
_NAME_WIDTH = 150


def draw_dataset_plots(
    entries: Sequence[Mapping[str, Any]],
    sizes: Sequence[tuple[int, int]],
    title: str,
    out: str | Path | None = None,
    camera_name: Callable[[int], str] = str,
) -> Figure:
    """Plot images an identity, images a camera, cameras an identity, and image sizes.

    Args:
        entries: dataset entries with ``pid`` and ``camid`` (-1 unknown).
        sizes: ``(height, width)`` of the images, or of some of them.
        title: written above everything.
        out: PNG file to save the picture to; its folder is made if need be.
        camera_name: what the camera of a ``camid`` is called.

    Raises:
        ValueError: there are no entries.
    """
    # Here, as nothing else needs it; a figure of its own leaves pyplot's backend alone.
    from matplotlib.figure import Figure

    if not entries:
        raise ValueError('there is no entry to plot')
    figure = Figure(figsize=(11, 7.5), dpi=110, layout='constrained')
    figure.suptitle(drawable(title), parse_math=False)
    axes = figure.subplots(2, 2)
    _plot_images_per_identity(axes[0, 0], entries)
    _plot_images_per_camera(axes[0, 1], entries, camera_name)
    _plot_cameras_per_identity(axes[1, 0], entries)
    _plot_sizes(axes[1, 1], sizes)
    for ax in axes.flat:
        ax.spines[['top', 'right']].set_visible(False)
    if out is not None:
        save(figure, out)
    return figure


def _plot_images_per_identity(ax: Axes, entries: Sequence[Mapping[str, Any]]) -> None:
    images = sorted(Counter(entry['pid'] for entry in entries).values())
    _name(ax, 'images of an identity', 'identities')
    spread = f'{images[0]:,} to {images[-1]:,} images, median {np.median(images):g}'
    if images[0] == images[-1]:
        spread = f'{images[0]:,} images each'
    ax.set_title(f'{len(images):,} identities with {spread}', fontsize=10)
    if images[-1] - images[0] < _MOST_BARS:
        _bars(ax, Counter(images))
    else:
        ax.hist(images, bins=_MOST_BARS, color=_BAR)


def _plot_images_per_camera(
    ax: Axes, entries: Sequence[Mapping[str, Any]], camera_name: Callable[[int], str]
) -> None:
    images = Counter(entry['camid'] for entry in entries if entry['camid'] != -1)
    _name(ax, 'camera', 'images')
    if not images:
        _say(ax, 'no camera is known')
        return
    noun = 'camera' if len(images) == 1 else 'cameras'
    ax.set_title(f'{len(images)} {noun}', fontsize=10)
    _bars(ax, images)
    font = load_font(10)
    names = [fitted(camera_name(camid), font, _NAME_WIDTH) for camid in sorted(images)]
    if names != [str(camid) for camid in sorted(images)] and len(names) <= _MOST_NAMES:
        tilted = max(map(len, names)) * len(names) > 50
        rotation = 90 if tilted else 0
        ax.set_xticks(sorted(images), names, rotation=rotation, parse_math=False)


def _plot_cameras_per_identity(ax: Axes, entries: Sequence[Mapping[str, Any]]) -> None:
    cameras: dict[int, set[int]] = {}
    for entry in entries:
        if entry['camid'] != -1:
            cameras.setdefault(entry['pid'], set()).add(entry['camid'])
    _name(ax, 'cameras that see an identity', 'identities')
    if not cameras:
        _say(ax, 'no camera is known')
        return
    seen = Counter(map(len, cameras.values()))
    ax.set_title(f'{seen[1]:,} identities are seen by one camera only', fontsize=10)
    _bars(ax, seen)


def _plot_sizes(ax: Axes, sizes: Sequence[tuple[int, int]]) -> None:
    _name(ax, 'width in pixels', 'height in pixels')
    if not sizes:
        _say(ax, 'no image was measured')
        return
    images = Counter(sizes)
    heights, widths = np.array(list(images)).T
    counts = np.array(list(images.values()))
    # Area, not radius, is what the eye takes for a number.
    ax.scatter(widths, heights, s=8 + 160 * counts / counts.max(), color=_BAR, alpha=0.5, lw=0)
    ax.set_xlim(0, widths.max() * 1.1)
    ax.set_ylim(0, heights.max() * 1.1)
    all_heights, all_widths = np.array(sizes).T
    spread = 'all' if len(images) == 1 else f'{len(images):,} sizes, median'
    middle = f'{np.median(all_heights):g}x{np.median(all_widths):g}'
    ax.set_title(f'{len(sizes):,} images, {spread} {middle} (HxW)', fontsize=10)


def _bars(ax: Axes, counts: Mapping[int, int]) -> None:
    bars = ax.bar(list(counts), list(counts.values()), color=_BAR)
    ax.locator_params(axis='x', integer=True)
    ax.locator_params(axis='y', integer=True)
    # A few bars are not to fill the whole width.
    middle, half = (min(counts) + max(counts)) / 2, max(4, len(counts) + 1) / 2
    if len(counts) < 4:
        ax.set_xlim(middle - half, middle + half)
    if len(counts) <= 20:
        ax.set_xticks(sorted(counts))
        ax.bar_label(bars, fmt='{:,.0f}', color=FAINT, fontsize=8, padding=1)


def _name(ax: Axes, x: str, y: str) -> None:
    ax.set_xlabel(x)
    ax.set_ylabel(y)


def _say(ax: Axes, text: str) -> None:
    ax.set_xticks([])
    ax.set_yticks([])
    ax.text(0.5, 0.5, text, color=FAINT, ha='center', va='center', transform=ax.transAxes)
