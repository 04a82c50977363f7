"""Rows of images with captions: what a net is given, identity by identity."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw

from . import style
from ._captions import drawable, fitted, load_font
from .style import save

_PAPER, _INK, _FAINT = (style.rgb(color) for color in (style.PAPER, style.INK, style.FAINT))
_GAP = 6
_MARGIN = 18
# Of a label or caption, in heights of the font.
_LABEL_LENGTH = 20


class SheetRow(NamedTuple):
    """One row of a contact sheet.

    Attributes:
        label: written to the left of the images.
        images: ``(H, W, 3)`` uint8 RGB, all of a sheet of one size.
        captions: one below each image.
    """

    label: str
    images: Sequence[np.ndarray]
    captions: Sequence[str]


def draw_contact_sheet(
    rows: Sequence[SheetRow],
    title: str,
    thumb_height: int = 160,
    out: str | Path | None = None,
) -> Image.Image:
    """Draw images in rows.

    Long labels and captions are shortened in their middle, and characters that the font lacks
    are escaped.

    Args:
        rows: what to draw, at least one row with an image.
        title: written above everything.
        thumb_height: height of the images on the sheet in pixels; they keep their aspect.
        out: file to save the picture to; its folder is made if need be.

    Returns:
        The picture, RGB.

    Raises:
        ValueError: there is no image, or a row has another number of captions than images.
    """
    if not any(row.images for row in rows):
        raise ValueError('there is no image to draw')
    height, width = next(row.images[0] for row in rows if row.images).shape[:2]
    thumb = (max(1, round(width * thumb_height / height)), thumb_height)
    size, heading_size = max(11, thumb_height // 13), max(14, thumb_height // 9)
    font, heading = load_font(size), load_font(heading_size)
    title = drawable(title)
    longest = _LABEL_LENGTH * size
    labels = [fitted(row.label, font, longest) for row in rows]
    captions = [[fitted(text, font, longest) for text in row.captions] for row in rows]

    line = size + 6
    left = _MARGIN + max(int(font.getlength(label)) for label in labels) + 2 * _GAP
    top = _MARGIN + heading_size + 3 * _GAP
    columns = max(len(row.images) for row in rows)
    # Columns are as wide as their captions.
    widest = max(int(font.getlength(text)) + 1 for row in captions for text in ('', *row))
    step = (max(thumb[0], widest) + _GAP, thumb_height + line + _GAP)
    needed = max(left + columns * step[0], _MARGIN + int(heading.getlength(title)))
    sheet = Image.new('RGB', (needed + _MARGIN, top + len(rows) * step[1] + _GAP), _PAPER)
    draw = ImageDraw.Draw(sheet)

    draw.text((_MARGIN, _MARGIN), title, font=heading, fill=_INK)
    for number, row in enumerate(rows):
        y = top + number * step[1]
        draw.text((_MARGIN, y + thumb_height // 2), labels[number], _INK, font, 'lm')
        texts = zip(row.images, captions[number], strict=True)
        for column, (image, caption) in enumerate(texts):
            x = left + column * step[0] + (step[0] - _GAP - thumb[0]) // 2
            sheet.paste(Image.fromarray(image).resize(thumb, Image.Resampling.BILINEAR), (x, y))
            draw.text((x + thumb[0] // 2, y + thumb_height + 3), caption, _FAINT, font, 'mt')
    if out is not None:
        save(sheet, out)
    return sheet
