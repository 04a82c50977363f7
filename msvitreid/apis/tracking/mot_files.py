"""Tracks and detections in the text format of the MOT challenge."""

from __future__ import annotations

import io
import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from msvitreid.datasets.readers.listed_values import shown
from msvitreid.datasets.readers.text_files import read_lines
from msvitreid.errors import DatasetError
from msvitreid.utils.files import atomic_write, require_suffix

from .encoder import as_boxes

FEWEST, MOST = 6, 10
FORM = 'frame,id,left,top,width,height[,confidence,...]'
#: Integers that a column of float32 can hold.
LARGEST = 2**24
#: Of a box, in pixels: more is no number of pixels.
FARTHEST = 1e7


@dataclass(frozen=True, eq=False)
class Tracks:
    """Boxes of tracks, in the order of a file.

    Attributes:
        frames: ``(N,)`` int64.
        ids: ``(N,)`` int64, -1 in a file of detections.
        ltwh: ``(N, 4)`` float64 left, top, width and height in pixels.
        confidences: ``(N,)`` float64, 1 where it is not known.
        source: the file, for errors.
        lines: ``(N,)`` int64 of it.
    """

    frames: np.ndarray
    ids: np.ndarray
    ltwh: np.ndarray
    confidences: np.ndarray
    source: str = 'tracks'
    lines: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.frames)


def read_tracks(path: str | os.PathLike[str], detections: bool = False) -> Tracks:
    """Read ``frame,id,left,top,width,height[,confidence,x,y,z]``, by commas or spaces.

    A confidence below 0, which stands for none, is 1. So ``frame id x y w h conf``, with x and
    y the left top corner, is read too.

    Args:
        path: of the file.
        detections: take the id -1, too, and several boxes of a frame with it.

    Raises:
        DatasetError: a line is not of the form, a number is not finite or whole where it must
            be, a box has no area, or a frame has an id twice; names the file and line.
    """
    file = Path(path)
    rows: list[tuple[float, ...]] = []
    line_of: dict[tuple[int, int], int] = {}
    for number, line in enumerate(read_lines(file), start=1):
        if not line.strip():
            continue
        try:
            row = _parse(line, detections)
            key = int(row[0]), int(row[1])
            first = line_of.setdefault(key, number)
            if first != number and key[1] != -1:
                raise ValueError(f'id {key[1]} is in frame {key[0]} already, by line {first}')
        except ValueError as error:
            raise DatasetError(
                f'{file}, line {number}: {shown(line)} is not {FORM} ({error}); correct or '
                'remove the line'
            ) from None
        rows.append((*row, number))
    if not rows:
        raise DatasetError(f'{file}: there is no box; a line is {FORM}')
    table = np.array(rows, np.float64)
    whole = table[:, [0, 1, 7]].astype(np.int64)
    return Tracks(whole[:, 0], whole[:, 1], table[:, 2:6], table[:, 6], str(file), whole[:, 2])


def write_tracks(path: str | os.PathLike[str], tracks: Tracks) -> None:
    """Write tracks so that :func:`read_tracks` reads them, with the confidence.

    Raises:
        OutputError: the file cannot be written; its folder must exist.
    """
    with atomic_write(path) as temporary:
        temporary.write_text('\n'.join(_lines(tracks)) + '\n', encoding='utf-8')


def write_detections(
    path: str | os.PathLike[str], tracks: Tracks, embeddings: np.ndarray
) -> None:
    """Write boxes with their embeddings: 10 columns of the MOT challenge, then D numbers.

    That is what DeepSORT reads. Columns are frame, id, left, top, width, height, confidence,
    and -1 for x, y and z.

    Args:
        path: ``.npy`` for an array ``(N, 10 + D)`` of float32, ``.txt`` for lines of text.
        tracks: the boxes.
        embeddings: ``(N, D)``.

    Raises:
        ConfigError: the name has another end.
        DatasetError: there is not an embedding for each box, or a frame or id is too large for
            float32.
        OutputError: the file cannot be written; its folder must exist.
    """
    suffix = require_suffix(path, ['.npy', '.txt'])
    if embeddings.ndim != 2 or len(embeddings) != len(tracks):
        raise DatasetError(
            f'there are {len(tracks)} boxes, but embeddings of shape {embeddings.shape}'
        )
    if suffix == '.txt':
        numbers = [','.join(f'{one:.9g}' for one in row) for row in embeddings.tolist()]
        lines = [
            f'{box},-1,-1,-1,{row}' for box, row in zip(_lines(tracks), numbers, strict=True)
        ]
        with atomic_write(path) as temporary:
            temporary.write_text('\n'.join(lines) + '\n', encoding='utf-8')
        return
    if len(tracks) and max(tracks.frames.max(), tracks.ids.max()) > LARGEST:
        raise DatasetError(
            f'{tracks.source}: a frame or id is above {LARGEST:,}, which float32 cannot hold; '
            'write a .txt file'
        )
    columns: list[Any] = [tracks.frames, tracks.ids, *tracks.ltwh.T, tracks.confidences]
    columns += [np.full(len(tracks), -1)] * 3
    table = np.concatenate([np.stack(columns, axis=1), embeddings], axis=1)
    content = io.BytesIO()
    np.save(content, table.astype(np.float32), allow_pickle=False)
    with atomic_write(path) as temporary:
        temporary.write_bytes(content.getbuffer())


def _lines(tracks: Tracks) -> list[str]:
    boxes = as_boxes(tracks.ltwh)
    return [
        f'{frame},{id_},' + ','.join(f'{number:.10g}' for number in (*box, confidence))
        for frame, id_, box, confidence in zip(
            tracks.frames.tolist(),
            tracks.ids.tolist(),
            boxes.tolist(),
            tracks.confidences.tolist(),
            strict=True,
        )
    ]


def _parse(line: str, detections: bool) -> tuple[float, ...]:
    """Frame, id, left, top, width, height and confidence.

    Raises:
        ValueError: the line has not this form.
    """
    fields = line.split(',') if ',' in line else line.split()
    fields = [field.strip() for field in fields]
    if not FEWEST <= len(fields) <= MOST:
        raise ValueError(f'{len(fields)} fields instead of {FEWEST} to {MOST}')
    numbers = [_number(field) for field in fields]
    frame, id_, *box = numbers[:6]
    for name, value in (('frame', frame), ('id', id_)):
        if value != math.floor(value) or abs(value) >= 2**53:
            raise ValueError(f'the {name} {value:g} is no whole number')
    if frame < 0:
        raise ValueError(f'the frame {frame:g} is below 0')
    if id_ < 0 and not (detections and id_ == -1):
        raise ValueError(
            f'the id {id_:g} is that of a detection, not of a track; run a tracker first'
        )
    if max(map(abs, box)) > FARTHEST:
        raise ValueError('the box is farther away than any pixel')
    if min(box[2:]) <= 0:
        raise ValueError(f'the box is {box[2]:g} wide and {box[3]:g} high')
    confidence = numbers[6] if len(numbers) > 6 else 1.0
    return frame, id_, *box, confidence if confidence >= 0 else 1.0


def _number(field: str) -> float:
    # float() takes 1_0, digits of other scripts and nan as well.
    value = float(field) if field.isascii() and '_' not in field else math.nan
    if not math.isfinite(value):
        raise ValueError(f'{shown(field)} is no finite number')
    return value
