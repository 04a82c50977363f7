"""How pictures look: colors that color-blind people can distinguish, fonts, sizes, files."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from msvitreid.utils.files import atomic_write, make_folder, require_suffix

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Okabe and Ito, "Color Universal Design", 2008.
BLUE, SKY, GREEN = '#0072b2', '#56b4e9', '#009e73'
ORANGE, VERMILION, PURPLE = '#e69f00', '#d55e00', '#cc79a7'
YELLOW, BLACK = '#f0e442', '#000000'

#: Of lines and points, in order; yellow is too faint on white.
COLORS = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, BLACK)
#: With them, so that lines differ in black and white too.
DASHES = ('-', '--', '-.', ':')
MARKERS = ('o', 's', '^', 'D', 'v', 'P', 'X', '<', '>', '*')

PAPER, INK, FAINT, GRID, EMPTY = '#ffffff', '#212529', '#6e757d', '#e3e6ea', '#f1f2f4'

#: Of numbers from low to high: its lightness rises evenly, so it can be printed in gray.
SEQUENTIAL = 'cividis'

SAME, DIFFERENT, LEFT_OUT = GREEN, VERMILION, SKY

FORMATS = ('.png', '.jpg', '.jpeg', '.pdf')

_SETTINGS: dict[Any, Any] = {
    'font.family': 'DejaVu Sans',
    'font.size': 9,
    'axes.titlesize': 10,
    'figure.titlesize': 11,
    'axes.edgecolor': FAINT,
    'axes.labelcolor': INK,
    'text.color': INK,
    'xtick.color': INK,
    'ytick.color': INK,
    'axes.spines.top': False,
    'axes.spines.right': False,
    'axes.grid': False,
    'axes.axisbelow': True,
    'grid.color': GRID,
    'grid.linewidth': 0.8,
    'lines.linewidth': 1.6,
    'legend.frameon': False,
    # Names of files and identities may have dollar signs.
    'text.parse_math': False,
    # Text of a PDF stays text.
    'pdf.fonttype': 42,
}


@contextmanager
def drawing(width: float, height: float, images: bool = False) -> Iterator[Figure]:
    """A figure of ``width`` by ``height`` inches to draw on; the settings end with the block.

    Args:
        width, height: of the figure.
        images: its panels are images, which keep their aspect and lie close to each other.
    """
    # Imported here, as most of the toolkit draws nothing; a figure of its own leaves pyplot alone.
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(_SETTINGS):
        layout: Literal['compressed', 'constrained']
        layout = 'compressed' if images else 'constrained'
        yield Figure(figsize=(width, height), dpi=150, layout=layout, facecolor=PAPER)


def rgb(color: str) -> tuple[int, int, int]:
    """``'#0072b2'`` as Pillow takes it."""
    red, green, blue = bytes.fromhex(color[1:])
    return red, green, blue


def without_axes(ax: Axes) -> None:
    """Let a picture stand alone."""
    ax.set_xticks([])
    ax.set_yticks([])
    for spine in ax.spines.values():
        spine.set_visible(False)


def save(picture: Any, out: str | os.PathLike[str]) -> None:
    """Write a picture of matplotlib or Pillow by its suffix; its folder is made if need be.

    Raises:
        ConfigError: pictures are not written with its suffix.
        OutputError: it cannot be written.
    """
    suffix = require_suffix(out, FORMATS)
    # Encoded in memory: Pillow itself does not notice that a full disk took only a part.
    content = io.BytesIO()
    if hasattr(picture, 'savefig'):
        picture.savefig(content, format=suffix[1:])
    elif suffix in ('.jpg', '.jpeg'):
        picture.save(content, 'JPEG', quality=92)
    else:
        picture.save(content, suffix[1:].upper())
    make_folder(Path(out).parent)
    with atomic_write(out) as temporary:
        temporary.write_bytes(content.getbuffer())
