"""Cloth: the pictures of patterned garments."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from . import palette
from .identity import Identity
from .palette import RGB, shade
from .sheet import Paint, Sheet

# The middle of the chest in body heights above ground; patterns are laid out around it.
CHEST_HEIGHT = 0.7


def upper_cloth(identity: Identity, sheet: Sheet, factor: float = 1.0) -> Paint:
    """The paint of ``identity``'s upper garment, as bright as ``factor`` says.

    Logos belong to the torso only and are drawn by the garment's own code.
    """
    base = shade(palette.GARMENT_COLOURS[identity.upper_color], factor)
    if identity.pattern in ('plain', 'logo'):
        return base
    second = shade(palette.GARMENT_COLOURS[identity.second_color], factor)
    return _weave(identity.pattern, base, second, sheet)


def _weave(pattern: str, base: RGB, second: RGB, sheet: Sheet) -> Image.Image:
    width, height = sheet.size
    unit = sheet.unit
    middle, chest = sheet.pixel((0.0, CHEST_HEIGHT))
    cloth = Image.new('RGB', sheet.size, base)
    draw = ImageDraw.Draw(cloth)

    def places(pitch: float, start: float, end: float) -> list[float]:
        first = start - start % pitch
        return np.arange(first, end, pitch).tolist()

    # Only the strip that an upper garment can cover is woven.
    left, right = middle - 0.4 * unit, middle + 0.4 * unit
    top, bottom = chest - 0.2 * unit, chest + 0.4 * unit
    if pattern == 'horizontal stripes':
        for dy in places(0.08 * unit, -0.2 * unit, 0.4 * unit):
            draw.rectangle((left, chest + dy, right, chest + dy + 0.04 * unit), fill=second)
    elif pattern == 'vertical stripes':
        for dx in places(0.07 * unit, -0.4 * unit, 0.4 * unit):
            draw.rectangle((middle + dx, top, middle + dx + 0.033 * unit, bottom), fill=second)
    elif pattern == 'checks':
        cell = 0.062 * unit
        for row, dy in enumerate(places(cell, -0.2 * unit, 0.4 * unit)):
            for dx in places(2 * cell, -0.4 * unit, 0.4 * unit):
                x, y = middle + dx + (row % 2) * cell, chest + dy
                draw.rectangle((x, y, x + cell, y + cell), fill=second)
    elif pattern == 'dots':
        pitch, radius = 0.078 * unit, 0.024 * unit
        for row, dy in enumerate(places(pitch, -0.2 * unit, 0.4 * unit)):
            for dx in places(pitch, -0.4 * unit, 0.4 * unit):
                x, y = middle + dx + (row % 2) * pitch / 2, chest + dy
                draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=second)
    else:  # two-tone
        draw.rectangle((0, chest + 0.03 * unit, width, height), fill=second)
    return cloth
