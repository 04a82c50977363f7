"""Ranking lists as a picture: each query next to the gallery images it found.

Who draws decides how many are shown: the width of ``matches``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from PIL import Image, ImageDraw, ImageFont, ImageOps

from msvitreid.errors import DatasetError

from ._captions import drawable, fitted, load_font

SAME = (0, 150, 80)
DIFFERENT = (214, 45, 45)
UNKNOWN = (150, 157, 165)
_PAPER = (255, 255, 255)
_EMPTY = (241, 242, 244)
_MISSING = (205, 208, 212)
_INK = (33, 37, 41)
_FAINT = (110, 117, 125)

Box = tuple[int, int, int, int]
Font = ImageFont.FreeTypeFont


@dataclass(frozen=True)
class RankingListLayout:
    """Where things lie in a ranking list picture, in pixels.

    Attributes:
        thumb: ``(width, height)`` of a thumbnail without its frame.
        k: gallery images a query.
    """

    thumb: tuple[int, int]
    k: int

    @property
    def font_size(self) -> int:
        return max(11, self.thumb[0] // 5)

    @property
    def frame(self) -> int:
        return max(3, self.thumb[0] // 16)

    @property
    def gap(self) -> int:
        return self.frame + 4

    @property
    def margin(self) -> int:
        return 3 * self.gap

    @property
    def header(self) -> int:
        """Height of the legend, the margin above it included."""
        return self.margin + 2 * self.font_size

    @property
    def caption(self) -> int:
        return self.font_size + 6

    @property
    def cell(self) -> tuple[int, int]:
        """``(width, height)`` of a framed thumbnail."""
        return self.thumb[0] + 2 * self.frame, self.thumb[1] + 2 * self.frame

    def size(self, num_queries: int) -> tuple[int, int]:
        """``(width, height)`` of the picture; a short list is widened for the legend."""
        right = self.match_box(0, self.k - 1)[2]
        bottom = self.query_box(num_queries - 1)[3] + self.caption
        return right + self.margin, bottom + self.margin

    def query_box(self, row: int) -> Box:
        """Outer edges of a query's frame: left, top, right, bottom (exclusive)."""
        width, height = self.cell
        top = self.header + row * (height + self.caption + self.gap)
        return self.margin, top, self.margin + width, top + height

    def match_box(self, row: int, column: int) -> Box:
        """Outer edges of the frame of a query's match number ``column``, from 0."""
        _, top, query_right, bottom = self.query_box(row)
        width = self.cell[0]
        left = query_right + 4 * self.gap + column * (width + self.gap)
        return left, top, left + width, bottom


def draw_ranking_lists(
    query_paths: Sequence[str | Path],
    gallery_paths: Sequence[str | Path],
    matches: ArrayLike,
    query_pids: Iterable[Any],
    gallery_pids: Iterable[Any],
    similarity: ArrayLike | None = None,
    thumb: tuple[int, int] = (64, 128),
    out: str | Path | None = None,
    missing: list[str] | None = None,
) -> Image.Image:
    """Draw one row a query: the query image, then what it found, best first.

    A found image is framed green if it shows the query's identity and red if not, or gray if
    one of the identities is not known; below it stand its rank and, if given, its similarity.

    Args:
        query_paths: ``Q`` image files.
        gallery_paths: ``G`` image files; only those that are shown are read.
        matches: ``(Q, k)`` gallery indices, best first, -1 for an empty place, as
            from :func:`msvitreid.evaluation.functional.top_matches`.
        query_pids: ``(Q,)`` identities, numbers or names, or None; these stand below the
            queries, and the name of the file where there is None.
        gallery_pids: ``(G,)`` identities, as those of the queries; long names are shortened
            in their middle, and characters that the font lacks are escaped.
        similarity: ``(Q, k)`` similarities of the matches.
        thumb: ``(width, height)`` of the thumbnails in pixels; images keep their
            aspect ratio inside it.
        out: file to save the picture to; its folder is made if need be.
        missing: takes the paths of images that cannot be read; each is drawn as a gray tile
            with its name. None makes them an error.

    Returns:
        The picture, RGB.

    Raises:
        DatasetError: an image cannot be read.
        ValueError: no query, or lengths disagree.
    """
    matches = np.asarray(matches)
    # As they are: an array of numbers and names would make texts of all.
    query_pids, gallery_pids = list(query_pids), list(gallery_pids)
    _check_lengths(query_paths, gallery_paths, matches, query_pids, gallery_pids, similarity)
    layout = RankingListLayout(thumb, matches.shape[1])
    font = load_font(layout.font_size)
    is_known = any(pid is not None for pid in query_pids)
    legend = _Legend(layout, font, is_known)
    width, height = layout.size(len(matches))
    picture = Image.new('RGB', (max(width, legend.right + layout.margin), height), _PAPER)
    draw = ImageDraw.Draw(picture)
    legend.draw(draw)

    for row, found in enumerate(matches):
        box = layout.query_box(row)
        picture.paste(_framed(query_paths[row], layout, _INK, missing), box[:2])
        # Into the margin, and half as far from the matches.
        pid = query_pids[row]
        text = Path(query_paths[row]).name if pid is None else f'id {pid}'
        label = fitted(text, font, layout.cell[0] + 5 * layout.gap)
        _write_below(draw, box, label, font, _INK)
        for column, index in enumerate(found):
            box = layout.match_box(row, column)
            if index < 0:
                draw.rectangle((box[0], box[1], box[2] - 1, box[3] - 1), fill=_EMPTY)
                continue
            frame = _frame_color(pid, gallery_pids[index])
            thumbnail = _framed(gallery_paths[index], layout, frame, missing)
            picture.paste(thumbnail, box[:2])
            caption = f'{column + 1}'
            if similarity is not None:
                caption += f' · {np.asarray(similarity)[row, column]:.2f}'
            _write_below(draw, box, caption, font, frame)

    if out is not None:
        Path(out).parent.mkdir(parents=True, exist_ok=True)
        picture.save(out)
    return picture


def _check_lengths(
    query_paths: Sequence[str | Path],
    gallery_paths: Sequence[str | Path],
    matches: np.ndarray,
    query_pids: Sequence[Any],
    gallery_pids: Sequence[Any],
    similarity: ArrayLike | None,
) -> None:
    if not len(query_paths):
        raise ValueError('there is no query to draw')
    if matches.ndim != 2 or not len(query_paths) == len(query_pids) == len(matches):
        raise ValueError(
            f'{len(query_paths)} query_paths, {len(query_pids)} query_pids and matches of '
            f'shape {matches.shape} do not belong together: matches must be (Q, k)'
        )
    if len(gallery_paths) != len(gallery_pids):
        raise ValueError(
            f'{len(gallery_paths)} gallery_paths but {len(gallery_pids)} gallery_pids'
        )
    if similarity is not None and np.shape(similarity) != matches.shape:
        raise ValueError(
            f'similarity must have the shape of matches, {matches.shape}, got '
            f'{np.shape(similarity)}'
        )


def _frame_color(query_pid: Any, gallery_pid: Any) -> tuple[int, int, int]:
    if query_pid is None or gallery_pid is None:
        return UNKNOWN
    return SAME if gallery_pid == query_pid else DIFFERENT


def _framed(
    path: str | Path,
    layout: RankingListLayout,
    color: tuple[Any, ...],
    missing: list[str] | None,
) -> Image.Image:
    # Here, so that this module can be imported without the datasets.
    from msvitreid.datasets.transforms.image_decoding import read_image

    try:
        image = Image.fromarray(read_image(str(path)))
        thumbnail = ImageOps.pad(image, layout.thumb, color=_EMPTY)
    except DatasetError:
        if missing is None:
            raise
        missing.append(str(path))
        thumbnail = _tile(Path(path).name, layout)
    return ImageOps.expand(thumbnail, layout.frame, color)


def _tile(name: str, layout: RankingListLayout) -> Image.Image:
    """What stands in place of an image that cannot be read."""
    tile = Image.new('RGB', layout.thumb, _MISSING)
    font = load_font(max(9, layout.font_size - 3))
    width, height = layout.thumb[0] - 4, font.size + 3
    lines: list[str] = []
    rest = drawable(name)
    while rest and len(lines) < layout.thumb[1] // height - 2:
        fits = next(
            n for n in range(len(rest), 0, -1) if n == 1 or font.getlength(rest[:n]) <= width
        )
        lines.append(rest[:fits])
        rest = rest[fits:]
    middle = layout.thumb[0] // 2, layout.thumb[1] // 2
    draw = ImageDraw.Draw(tile)
    draw.text(middle, '\n'.join(lines), font=font, fill=_INK, anchor='mm', align='center')
    return tile


def _write_below(
    draw: ImageDraw.ImageDraw, box: Box, text: str, font: Font, ink: tuple[Any, ...]
) -> None:
    draw.text(((box[0] + box[2]) / 2, box[3] + 4), text, font=font, fill=ink, anchor='mt')


class _Legend:
    """What the columns and the frames mean, in one line above them."""

    def __init__(self, layout: RankingListLayout, font: Font, is_known: bool) -> None:
        self._font = font
        self._middle = layout.margin + layout.font_size // 2
        self._swatch = layout.font_size
        self._texts = [(layout.query_box(0)[0], 'query')]
        self._swatches = []
        left = layout.match_box(0, 0)[0]
        entries = [('same identity', SAME), ('different identity', DIFFERENT)]
        title = 'ranked gallery images' + (':' if is_known else '')
        for text, color in [(title, None), *(entries if is_known else [])]:
            if color is not None:
                self._swatches.append((left, color))
                left += self._swatch + 6
            self._texts.append((left, text))
            left += int(font.getlength(text)) + 12
        self.right = left - 12

    def draw(self, draw: ImageDraw.ImageDraw) -> None:
        for left, text in self._texts:
            draw.text((left, self._middle), text, font=self._font, fill=_FAINT, anchor='lm')
        top = self._middle - self._swatch // 2
        for left, color in self._swatches:
            corner = (left + self._swatch - 1, top + self._swatch - 1)
            draw.rectangle((left, top, *corner), fill=color)
