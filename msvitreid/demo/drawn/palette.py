"""The small palettes an identity's look is drawn from.

They are small on purpose: a hundred identities share each entry, so no single entry
names a person.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

RGB = tuple[int, int, int]


class Build(NamedTuple):
    """Widths as factors of the average body's."""

    shoulders: float
    hips: float
    belly: float


HEIGHTS = {'short': 0.9, 'medium': 0.96, 'tall': 1.02}
BUILDS = {
    'slim': Build(0.86, 0.84, 0.8),
    'average': Build(1.0, 1.0, 1.0),
    'stout': Build(1.14, 1.3, 1.6),
}
LEGS = {'short': 0.46, 'long': 0.51}

SKINS: dict[str, RGB] = {
    'pale': (246, 217, 196),
    'light': (230, 186, 152),
    'tan': (198, 145, 103),
    'brown': (141, 92, 60),
    'dark': (86, 56, 40),
}
HAIR_STYLES = ('short', 'short', 'bob', 'long', 'ponytail', 'bun')
HAIR_COLOURS: dict[str, RGB] = {
    'black': (26, 22, 22),
    'brown': (88, 55, 32),
    'blond': (214, 178, 104),
    'red': (158, 66, 30),
    'grey': (168, 166, 164),
}

GARMENT_COLOURS: dict[str, RGB] = {
    'red': (200, 34, 38),
    'orange': (234, 126, 32),
    'yellow': (238, 206, 58),
    'green': (46, 140, 62),
    'teal': (28, 148, 152),
    'blue': (40, 82, 190),
    'purple': (120, 56, 160),
    'pink': (236, 132, 168),
    'white': (240, 240, 236),
    'grey': (136, 138, 142),
    'black': (34, 34, 38),
    'brown': (116, 76, 44),
}
PATTERNS = (
    'plain',
    'plain',
    'horizontal stripes',
    'vertical stripes',
    'checks',
    'dots',
    'logo',
    'two-tone',
)
SLEEVES = ('none', 'short', 'long', 'long')

LOWERS = ('trousers', 'trousers', 'shorts', 'skirt')
LOWER_COLOURS: dict[str, RGB] = {
    'black': (36, 36, 40),
    'grey': (124, 126, 130),
    'navy': (32, 42, 88),
    'denim': (76, 112, 164),
    'khaki': (176, 152, 104),
    'white': (232, 232, 228),
    'maroon': (112, 30, 44),
    'olive': (86, 96, 48),
}
SHOE_COLOURS: dict[str, RGB] = {
    'black': (24, 24, 26),
    'white': (242, 242, 242),
    'brown': (104, 66, 36),
    'red': (188, 36, 40),
    'blue': (44, 84, 176),
}

BAGS = ('none', 'none', 'backpack', 'backpack', 'shoulder bag', 'handbag')
HATS = ('none', 'none', 'none', 'none', 'cap', 'beanie')
ACCESSORY_COLOURS: dict[str, RGB] = {
    'black': (30, 30, 34),
    'red': (194, 38, 44),
    'blue': (44, 80, 180),
    'yellow': (232, 198, 60),
    'green': (52, 124, 66),
    'white': (236, 236, 232),
}
CARRIED = ('none', 'none', 'none', 'phone', 'box', 'umbrella')


def shade(color: RGB, factor: float) -> RGB:
    """``color`` times ``factor``, clipped to [0, 255]."""
    red, green, blue = (min(255, max(0, round(channel * factor))) for channel in color)
    return red, green, blue


def stands_out(garment: str, other: str) -> bool:
    """Whether a pattern of one garment color is visible on another."""
    pair = np.array([GARMENT_COLOURS[garment], GARMENT_COLOURS[other]], float)
    return bool(np.linalg.norm(pair[0] - pair[1]) >= 120)
