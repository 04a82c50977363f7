from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from msvitreid.visualization._captions import drawable, drawable_title
from msvitreid.visualization.style import BLACK, COLORS, FAINT, MARKERS, PAPER, YELLOW, drawing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_COLORED = 10
_LONGEST = 24


def draw_embedding_map(
    points: np.ndarray,
    labels: Sequence[str],
    title: str,
    axes: tuple[str, str] = ('', ''),
    marked: Mapping[str, np.ndarray] | None = None,
) -> Figure:
    """Draw images as points, those of the ten identities with the most images in color.

    Identities have a color and a shape each, so that ten can be distinguished; others are gray.

    Args:
        points: ``(N, 2)``.
        labels: ``N`` names of identities, '' where unknown.
        title: written above everything.
        axes: what is written along them.
        marked: further points ``(2,)`` by name, drawn as stars.

    Raises:
        ValueError: lengths disagree.
    """
    if np.shape(points) != (len(labels), 2):
        raise ValueError(f'{len(labels)} labels, and points of shape {np.shape(points)}')
    shown = colored_identities(labels)
    with drawing(8.2, 6.2) as figure:
        ax = figure.subplots()
        # The legend has its share of the width.
        ax.set_title(drawable_title(title, 6.2))
        names = np.array(labels, dtype=object)
        rest = ~np.isin(names.astype(str), shown)
        if rest.any():
            known = len({name for name in names[rest] if name})
            unknown = int((names[rest] == '').sum())
            parts = [f'{known:,} other identities'] * bool(known)
            parts += [f'{unknown:,} images without identity'] * bool(unknown)
            text = ',\n'.join(parts)
            x, y = points[rest].T
            ax.scatter(x, y, s=9, color=FAINT, alpha=0.35, lw=0, label=text)
        for number, name in enumerate(shown):
            # Seven colors and ten shapes: no two identities share both.
            color = COLORS[number % len(COLORS)]
            marker = MARKERS[number]
            x, y = points[names == name].T
            label = drawable(name)
            label = label if len(label) <= _LONGEST else f'{label[: _LONGEST - 1]}…'
            ax.scatter(
                x,
                y,
                s=34,
                color=color,
                marker=marker,
                edgecolors=PAPER,
                linewidths=0.4,
                label=f'{label} ({len(x):,})',
            )
        for name, point in (marked or {}).items():
            place = float(point[0]), float(point[1])
            ax.plot(*place, '*', ms=17, color=YELLOW, mec=BLACK, mew=1)
            ax.annotate(drawable(name), place, (9, 6), textcoords='offset points')
        ax.set_xlabel(axes[0])
        ax.set_ylabel(axes[1])
        ax.set_xticks([])
        ax.set_yticks([])
        ax.spines[['left', 'bottom']].set_visible(False)
        ax.set_aspect('equal', adjustable='datalim')
        figure.legend(loc='outside right upper', title='identity (images)', fontsize=8)
    return figure


def colored_identities(labels: Sequence[str]) -> list[str]:
    """At most ten identities, those with the most images, of equal ones by name."""
    counts = Counter(label for label in labels if label)
    return sorted(counts, key=lambda name: (-counts[name], name))[:MOST_COLORED]
