"""Names and captions as a picture can show them, in one font."""

from __future__ import annotations

import textwrap
from functools import cache
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from msvitreid.utils.printable import escaped

from . import style

#: Beyond so many characters a text is cut before it is measured.
_LONGEST = 400

#: Characters of a title that fit into an inch, with room to spare.
_PER_INCH = 11


def load_font(size: int) -> ImageFont.FreeTypeFont:
    """DejaVu Sans, which matplotlib brings: Latin, Greek, Cyrillic and Arabic letters.

    Pillow's own font has ASCII alone.

    Args:
        size: in pixels.
    """
    return ImageFont.truetype(str(_font_file()), size)


def drawable(text: str) -> str:
    r"""``text`` on one line, and what the font has no glyph for as an escape, as ``\u65e5``.

    An empty box in its place would make different names look alike.
    """
    known = _known_characters()
    shown = escaped(text[:_LONGEST]) + ('…' if len(text) > _LONGEST else '')
    return ''.join(
        char if ord(char) in known else char.encode('unicode_escape').decode('ascii')
        for char in shown
    )


def drawable_title(text: str, inches: float) -> str:
    """``text`` as :func:`drawable`, in as many lines as a title of that width needs."""
    return textwrap.fill(drawable(text), max(20, int(inches * _PER_INCH)))


def fitted(text: str, font: ImageFont.FreeTypeFont, width: float) -> str:
    """:func:`drawable` text, shortened in its middle to fit ``width`` pixels.

    Names often differ at one of their ends.
    """
    text = drawable(text)
    if font.getlength(text) <= width:
        return text
    fits, too_many = 0, len(text)
    while too_many - fits > 1:
        kept = (fits + too_many) // 2
        if font.getlength(_without_middle(text, kept)) <= width:
            fits = kept
        else:
            too_many = kept
    return _without_middle(text, fits)


def missing_tile(name: str, size: tuple[int, int]) -> Image.Image:
    """What stands in place of an image that cannot be read: its name on gray.

    Args:
        name: of the image.
        size: ``(width, height)`` in pixels.
    """
    tile = Image.new('RGB', size, (205, 208, 212))
    font = load_font(max(9, size[0] // 5 - 3))
    lines: list[str] = []
    rest = drawable(name)
    while rest and len(lines) < size[1] // (font.size + 3) - 2:
        fits = next(
            n
            for n in range(len(rest), 0, -1)
            if n == 1 or font.getlength(rest[:n]) <= size[0] - 4
        )
        lines.append(rest[:fits])
        rest = rest[fits:]
    middle = size[0] // 2, size[1] // 2
    ImageDraw.Draw(tile).text(
        middle, '\n'.join(lines), style.rgb(style.INK), font, anchor='mm', align='center'
    )
    return tile


def _without_middle(text: str, kept: int) -> str:
    end = kept // 2
    return f'{text[: kept - end]}…{text[len(text) - end :]}'


def _font_file() -> Path:
    import matplotlib  # it takes a while, and most of the toolkit draws nothing

    return Path(matplotlib.get_data_path(), 'fonts', 'ttf', 'DejaVuSans.ttf')


@cache
def _known_characters() -> frozenset[int]:
    from matplotlib.ft2font import FT2Font

    return frozenset(FT2Font(str(_font_file())).get_charmap())
