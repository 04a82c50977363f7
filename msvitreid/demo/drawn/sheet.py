"""A transparent canvas that is drawn on in body heights."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from .palette import RGB

# Room around a body's ground point, in body heights: to either side, above and below.
SIDE, ABOVE, BELOW = 0.55, 1.15, 0.12
# How far down the canvas the ground is, as a share of its height.
STANDS = ABOVE / (ABOVE + BELOW)

Place = tuple[float, float]
Paint = RGB | Image.Image


class Sheet:
    """An RGBA canvas around a body standing on the origin; places are (right, up).

    Paint is a color or a cloth, an RGB picture of the sheet's size that shows through.

    Args:
        unit: Pixels of one body height.
    """

    def __init__(self, unit: float) -> None:
        self.unit = unit
        self.size = (round(2 * SIDE * unit), round((ABOVE + BELOW) * unit))
        self.image = Image.new('RGBA', self.size)
        self._draw = ImageDraw.Draw(self.image)

    def pixel(self, place: Place) -> tuple[float, float]:
        """Pixel coordinates of a place."""
        return (place[0] + SIDE) * self.unit, (ABOVE - place[1]) * self.unit

    def polygon(self, places: list[Place], paint: Paint) -> None:
        """Fill a polygon."""
        pixels = [self.pixel(place) for place in places]
        if isinstance(paint, tuple):
            self._draw.polygon(pixels, fill=paint)
        else:
            stencil = Image.new('L', self.size)
            ImageDraw.Draw(stencil).polygon(pixels, fill=255)
            self.image.paste(paint, mask=stencil)

    def ellipse(self, centre: Place, rx: float, ry: float, paint: RGB) -> None:
        """Fill an upright ellipse."""
        x, y = self.pixel(centre)
        rx, ry = rx * self.unit, ry * self.unit
        self._draw.ellipse((x - rx, y - ry, x + rx, y + ry), fill=paint)

    def limb(self, start: Place, end: Place, thick: float, thin: float, paint: Paint) -> None:
        """Fill a round-ended limb that tapers from radius ``thick`` to radius ``thin``."""
        self.polygon(_capsule(start, end, thick, thin), paint)

    def line(self, places: list[Place], width: float, paint: RGB) -> None:
        """Draw a line through places."""
        pixels = [self.pixel(place) for place in places]
        self._draw.line(pixels, fill=paint, width=max(1, round(width * self.unit)))


_ARC = np.linspace(-np.pi / 2, np.pi / 2, 6)


def _capsule(start: Place, end: Place, thick: float, thin: float) -> list[Place]:
    direction = np.arctan2(end[1] - start[1], end[0] - start[0])
    places = []
    for (x, y), radius, angle in ((end, thin, direction), (start, thick, direction + np.pi)):
        places += list(
            zip(
                (x + radius * np.cos(angle + _ARC)).tolist(),
                (y + radius * np.sin(angle + _ARC)).tolist(),
                strict=True,
            )
        )
    return places
