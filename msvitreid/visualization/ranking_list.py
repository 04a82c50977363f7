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

from . import style
from ._captions import fitted, load_font, missing_tile

SAME = style.rgb(style.SAME)
DIFFERENT = style.rgb(style.DIFFERENT)
LEFT_OUT = style.rgb(style.LEFT_OUT)
_PAPER = style.rgb(style.PAPER)
_EMPTY = style.rgb(style.EMPTY)
_INK = style.rgb(style.INK)
_FAINT = style.rgb(style.FAINT)
UNKNOWN = _FAINT

Box = tuple[int, int, int, int]
Font = ImageFont.FreeTypeFont


@dataclass(frozen=True)
class RankingListLayout:
    """Where things lie in a ranking list picture, in pixels.

    Attributes:
        thumb: ``(width, height)`` of a thumbnail without its frame.
        k: gallery images a query.
        lines: of the captions.
    """

    thumb: tuple[int, int]
    k: int
    lines: int = 1

    @property
    def font_size(self) -> int:
        return max(11, self.thumb[0] // 5)

    @property
    def note_size(self) -> int:
        """Font size of the lines below the first."""
        return max(10, self.font_size * 3 // 4)

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
        return self.font_size + 6 + (self.lines - 1) * (self.note_size + 2)

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
    query_pids: Iterable[Any] | None,
    gallery_pids: Iterable[Any] | None,
    similarity: ArrayLike | None = None,
    thumb: tuple[int, int] = (64, 128),
    out: str | Path | None = None,
    left_out: ArrayLike | None = None,
    query_notes: Sequence[Sequence[str]] = (),
    gallery_notes: Sequence[Sequence[str]] = (),
    missing: list[str] | None = None,
) -> Image.Image:
    """Draw one row a query: the query image, then what it found, best first.

    A found image is framed green with a check mark if it shows the query's identity, and red with
    a cross if not, or gray if one of the identities is not known; below it stand its rank and, if
    given, its similarity. One that is left out of the ranking has a blue frame with a diagonal,
    and no rank.

    Args:
        query_paths: ``Q`` image files.
        gallery_paths: ``G`` image files; only those that are shown are read.
        matches: ``(Q, k)`` gallery indices, best first, -1 for an empty place, as
            from :func:`msvitreid.evaluation.functional.top_matches`.
        query_pids: ``(Q,)`` identities, numbers or names, or None; these stand below the
            queries, and the name of the file where there is None. ``None`` for all of them if
            none is known.
        gallery_pids: ``(G,)`` identities, as those of the queries; long names are shortened
            in their middle, and characters that the font lacks are escaped.
        similarity: ``(Q, k)`` similarities of the matches.
        thumb: ``(width, height)`` of the thumbnails in pixels; images keep their
            aspect ratio inside it.
        out: file to save the picture to; its folder is made if need be.
        left_out: ``(Q, k)`` booleans, images that the ranking leaves out.
        query_notes: lines below each query, after its identity.
        gallery_notes: the same of gallery images, below rank and similarity.
        missing: takes the paths of images that cannot be read; each is drawn as a gray tile
            with its name. None makes them an error.

    Returns:
        The picture, RGB.

    Raises:
        DatasetError: an image cannot be read.
        ConfigError, OutputError: ``out`` is no picture's name, or cannot be written.
        ValueError: no query, lengths disagree, or identities are known of one side only.
    """
    matches = np.asarray(matches)
    if (query_pids is None) != (gallery_pids is None):
        raise ValueError('query_pids and gallery_pids must both be given or neither')
    # As they are: an array of numbers and names would make texts of all.
    query_pids = [None] * len(query_paths) if query_pids is None else list(query_pids)
    gallery_pids = [None] * len(gallery_paths) if gallery_pids is None else list(gallery_pids)
    _check_lengths(query_paths, gallery_paths, matches, query_pids, gallery_pids, similarity)
    skipped = np.zeros(matches.shape, bool) if left_out is None else np.asarray(left_out)
    if skipped.shape != matches.shape:
        raise ValueError(f'left_out must have the shape of matches, {matches.shape}')
    count = max((len(lines) for lines in [*query_notes, *gallery_notes]), default=0)
    layout = RankingListLayout(thumb, matches.shape[1], 1 + count)
    font, small = load_font(layout.font_size), load_font(layout.note_size)
    known = any(pid is not None for pid in query_pids)
    legend = _Legend(layout, font, known, bool(skipped.any()))
    width, height = layout.size(len(matches))
    picture = Image.new('RGB', (max(width, legend.right + layout.margin), height), _PAPER)
    draw = ImageDraw.Draw(picture)
    legend.draw(draw)

    for row, found in enumerate(matches):
        box = layout.query_box(row)
        picture.paste(_framed(query_paths[row], layout, _INK, missing), box[:2])
        pid = query_pids[row]
        lines = [Path(query_paths[row]).name if pid is None else f'id {pid}']
        lines += query_notes[row] if query_notes else []
        # Into the margin, and half as far from the matches.
        _write_below(draw, box, lines, font, small, _INK, layout.cell[0] + 5 * layout.gap)
        ranks = np.cumsum((found >= 0) & ~skipped[row])
        for column, index in enumerate(found):
            box = layout.match_box(row, column)
            if index < 0:
                draw.rectangle((box[0], box[1], box[2] - 1, box[3] - 1), fill=_EMPTY)
                continue
            frame, mark = _verdict(pid, gallery_pids[index], skipped[row, column])
            thumbnail = _framed(gallery_paths[index], layout, frame, missing)
            picture.paste(thumbnail, box[:2])
            if skipped[row, column]:
                draw.line((box[0], box[3] - 1, box[2] - 1, box[1]), LEFT_OUT, layout.frame)
            words = ['–' if skipped[row, column] else str(ranks[column])]
            if similarity is not None:
                words.append(f'· {np.asarray(similarity)[row, column]:.2f}')
            lines = [' '.join([*words, *mark])]
            lines += gallery_notes[index] if gallery_notes else []
            _write_below(draw, box, lines, font, small, frame, layout.cell[0] + layout.gap - 2)

    if out is not None:
        style.save(picture, out)
    return picture


def _verdict(
    query_pid: Any, gallery_pid: Any, is_left_out: bool
) -> tuple[tuple[int, ...], list[str]]:
    """The color of the frame, and the mark with which it can be read without colors."""
    if is_left_out:
        return LEFT_OUT, []
    if query_pid is None or gallery_pid is None:
        return UNKNOWN, []
    return (SAME, ['✓']) if query_pid == gallery_pid else (DIFFERENT, ['✗'])


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
        thumbnail = missing_tile(Path(path).name, layout.thumb)
    return ImageOps.expand(thumbnail, layout.frame, color)


def _write_below(
    draw: ImageDraw.ImageDraw,
    box: Box,
    lines: Sequence[str],
    font: Font,
    notes: Font,
    ink: tuple[Any, ...],
    width: float,
) -> None:
    """The first line in ``ink``, as frames are, the others faint."""
    top = box[3] + 4
    for number, line in enumerate(lines):
        used, color = (notes, _FAINT) if number else (font, ink)
        text = fitted(line, used, width)
        draw.text(((box[0] + box[2]) / 2, top), text, font=used, fill=color, anchor='mt')
        top += int(used.size) + 2


class _Legend:
    """What the columns and the frames mean, in one line above them."""

    def __init__(
        self, layout: RankingListLayout, font: Font, known: bool, with_left_out: bool
    ) -> None:
        self._font = font
        self._middle = layout.margin + layout.font_size // 2
        self._swatch = layout.font_size
        self._texts = [(layout.query_box(0)[0], 'query')]
        self._swatches = []
        left = layout.match_box(0, 0)[0]
        entries: list[tuple[str, Any]] = [('ranked gallery images' + ':' * known, None)]
        if known:
            entries += [('✓ same identity', SAME), ('✗ different identity', DIFFERENT)]
        if with_left_out:
            entries.append(('– left out: own camera, or junk', LEFT_OUT))
        for text, color in entries:
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
