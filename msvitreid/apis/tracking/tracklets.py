"""One embedding for each tracklet, of its boxes weighted by their quality."""

from __future__ import annotations

import csv
import os
import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from msvitreid.apis.image_inputs import image_inputs
from msvitreid.apis.image_stream import progress_bar
from msvitreid.datasets.transforms.image_decoding import read_image
from msvitreid.errors import DatasetError
from msvitreid.utils.files import atomic_write, require_suffix
from msvitreid.utils.printable import failure

from .adapters import to_xyxy
from .encoder import TrackerEncoder
from .mot_files import Tracks

SUFFIXES = ('.npz', '.csv')
FACTS = ('id', 'boxes', 'used', 'first_frame', 'last_frame', 'weight')
#: Below this length a sum of unit vectors has no direction.
SHORTEST = 1e-6


@dataclass(frozen=True, eq=False)
class TrackEmbeddings:
    """Embeddings of ``T`` tracklets, by ascending id.

    Attributes:
        ids: ``(T,)`` int64.
        embeddings: ``(T, D)`` float32, each of length 1.
        boxes: ``(T,)`` int64, boxes of each tracklet.
        used: ``(T,)`` int64, those of them that have a weight above 0.
        first_frames, last_frames: ``(T,)`` int64.
        weights: ``(T,)`` float64, the sum of the weights of its boxes: how much it rests on.
        failed: id to the reason why a tracklet has no embedding.
        fingerprint: of the model.
        unreadable: path to reason of frames that cannot be read; their boxes have no weight.
    """

    ids: np.ndarray
    embeddings: np.ndarray
    boxes: np.ndarray
    used: np.ndarray
    first_frames: np.ndarray
    last_frames: np.ndarray
    weights: np.ndarray
    failed: dict[int, str]
    fingerprint: str
    unreadable: dict[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.ids)

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write a NumPy archive with the attributes' names but ``failed``, or a table.

        Args:
            path: ``.npz``, or ``.csv`` with the columns :data:`FACTS`, ``fingerprint`` and the
                numbers, ``e0`` on.

        Raises:
            ConfigError: the name has another end.
            OutputError: the file cannot be written; its folder must exist.
        """
        suffix = require_suffix(path, SUFFIXES)
        facts = (
            self.ids,
            self.boxes,
            self.used,
            self.first_frames,
            self.last_frames,
            self.weights,
        )
        columns: dict[str, Any] = dict(zip(FACTS, facts, strict=True))
        with atomic_write(path) as temporary:
            if suffix == '.npz':
                with open(temporary, 'wb') as archive:
                    np.savez(
                        archive,
                        embeddings=self.embeddings,
                        fingerprint=np.array(self.fingerprint),
                        **columns,
                    )
                return
            with open(temporary, 'w', encoding='utf-8', newline='') as file:
                writer = csv.writer(file)
                numbers = [f'e{i}' for i in range(self.embeddings.shape[1])]
                writer.writerow([*FACTS, 'fingerprint', *numbers])
                rows = zip(*(column.tolist() for column in facts), strict=True)
                for row, embedding in zip(rows, self.embeddings.tolist(), strict=True):
                    # Nine digits tell all float32 numbers apart.
                    shown = [f'{number:.9g}' for number in embedding]
                    writer.writerow([*row[:-1], f'{row[-1]:.9g}', self.fingerprint, *shown])


def find_frames(frames: str | os.PathLike[str]) -> dict[int, str]:
    """The image of each frame: the last digits of a file's name, as in ``000017.jpg``.

    Args:
        frames: a folder, or a pattern such as ``'cam1/img*.jpg'``.

    Raises:
        DatasetError: there is no image, one has no number, or two have the same.
    """
    found: dict[int, str] = {}
    for _, path in image_inputs(frames):
        digits = re.findall(r'[0-9]{1,18}', Path(path).stem)
        if not digits:
            raise DatasetError(
                f'{path}: the name has no number of a frame; give a pattern that leaves it out'
            )
        first = found.setdefault(int(digits[-1]), path)
        if first != path:
            raise DatasetError(
                f'{first} and {path} are both frame {int(digits[-1])}; give the folder of one video'
            )
    return found


def embed_tracks(
    encoder: TrackerEncoder,
    frames: dict[int, str],
    tracks: Tracks,
    progress: bool | None = None,
) -> TrackEmbeddings:
    """Embed every box of every track, and combine those of a track.

    A box has the weight ``size * visible * confidence * agreement``, each from 0 to 1:

    - size: the root of its pixels in the frame over those of the net's input, at most 1;
    - visible: the share of its area that lies in the frame;
    - confidence: of the tracker's file, at most 1; in ground truth 0 marks what is ignored;
    - agreement: the cosine similarity of its embedding to the mean of the track's other boxes,
      weighted by the first three, not below 0; 1 if there is no other.

    The embedding of a track is the weighted sum of those of its boxes, divided by its length.

    Args:
        encoder: of the boxes.
        frames: image of each frame, of :func:`find_frames`.
        tracks: of :func:`read_tracks`.
        progress: show a bar with the time left; ``None`` does on a terminal.

    Raises:
        DatasetError: a frame that has a box has no image, or no frame can be read.
    """
    needed = np.unique(tracks.frames)
    if missing := [number for number in needed.tolist() if number not in frames]:
        line = '' if tracks.lines is None else _line_of(tracks, missing[0])
        numbers = f'{min(frames)} to {max(frames)}' if frames else 'none'
        raise DatasetError(
            f'{tracks.source}{line}: frame {missing[0]} has no image ({len(missing)} frames '
            f'have none, there are images of {len(frames)} frames, {numbers}); check that the '
            'names of images and the tracks count frames from the same number'
        )
    embeddings = np.zeros((len(tracks), encoder.embedding_dim), np.float32)
    weights = np.zeros(len(tracks))
    unreadable: dict[str, str] = {}
    order = np.argsort(tracks.frames, kind='stable')
    rows_of = np.split(order, np.flatnonzero(np.diff(tracks.frames[order])) + 1)
    with progress_bar(progress, len(needed)) as advance:
        for rows in rows_of if len(tracks) else ():
            advance(1)
            path = frames[int(tracks.frames[rows[0]])]
            try:
                pixels = read_image(path)
            except DatasetError as error:
                unreadable[path] = str(error)
                continue
            boxes = to_xyxy(tracks.ltwh[rows])
            frame = pixels if encoder.color == 'rgb' else pixels[:, :, ::-1]
            embeddings[rows], usable = encoder.embed(boxes, np.ascontiguousarray(frame))
            quality = _quality(boxes, pixels.shape[:2], encoder.input_shape)
            confidence = np.minimum(tracks.confidences[rows], 1)
            weights[rows] = quality * confidence * usable
    if unreadable and len(unreadable) == len(needed):
        raise DatasetError(f'no frame can be read; {failure(*next(iter(unreadable.items())))}')
    found = _combined(tracks, embeddings, weights, encoder.fingerprint)
    return replace(found, unreadable=unreadable)


def _quality(
    boxes: np.ndarray, frame: tuple[int, ...], target: tuple[int, int] | None
) -> np.ndarray:
    """``(N,)`` size times visible share, see :func:`embed_tracks`."""
    height, width = frame
    clipped = boxes.clip(0, [width, height, width, height])
    inside = np.prod(clipped[:, 2:] - clipped[:, :2], axis=1)
    visible = inside / np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    size = 1.0 if target is None else np.sqrt(np.minimum(inside / (target[0] * target[1]), 1))
    return np.asarray(size * visible)


def _combined(
    tracks: Tracks, embeddings: np.ndarray, weights: np.ndarray, fingerprint: str
) -> TrackEmbeddings:
    rows_of: dict[int, np.ndarray] = {}
    order = np.argsort(tracks.ids, kind='stable')
    ids, starts = np.unique(tracks.ids[order], return_index=True)
    for id_, rows in zip(ids.tolist(), np.split(order, starts[1:]), strict=True):
        rows_of[id_] = rows
    failed: dict[int, str] = {}
    kept: list[tuple[Any, ...]] = []
    means: list[np.ndarray] = []
    for id_, rows in rows_of.items():
        own = weights[rows] * _agreement(embeddings[rows], weights[rows])
        mean = own @ embeddings[rows].astype(np.float64)
        length = np.linalg.norm(mean)
        if length < SHORTEST:
            reason = 'no box lies in a readable frame with a confidence above 0'
            failed[id_] = reason if not weights[rows].any() else 'its boxes do not agree'
            continue
        means.append((mean / length).astype(np.float32))
        seen = tracks.frames[rows]
        kept.append((id_, len(rows), int((own > 0).sum()), seen.min(), seen.max(), own.sum()))
    columns = [np.array(column) for column in zip(*kept, strict=True)]
    ids_, boxes, used, first, last, sums = columns or [np.zeros(0, np.int64)] * len(FACTS)
    return TrackEmbeddings(
        ids_,
        np.stack(means) if means else np.zeros((0, embeddings.shape[1]), np.float32),
        boxes,
        used,
        first,
        last,
        sums.astype(np.float64),
        failed,
        fingerprint,
    )


def _agreement(embeddings: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """``(N,)`` similarity of each to the mean of the others, 1 where no other has a weight."""
    weighted = weights[:, None] * embeddings.astype(np.float64)
    others = weighted.sum(axis=0) - weighted
    lengths = np.linalg.norm(others, axis=1)
    with np.errstate(invalid='ignore', divide='ignore'):
        similarity = (others * embeddings).sum(axis=1) / lengths
    alone = (np.count_nonzero(weights) - (weights > 0)) == 0
    return np.where(alone, 1.0, np.where(lengths < SHORTEST, 0.0, similarity).clip(0, 1))


def _line_of(tracks: Tracks, frame: int) -> str:
    assert tracks.lines is not None
    return f', line {int(tracks.lines[np.flatnonzero(tracks.frames == frame)[0]])}'
