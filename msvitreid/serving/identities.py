"""Identities of marked images, and the training list of them."""

from __future__ import annotations

import tempfile
from collections import deque
from collections.abc import Iterable
from pathlib import Path

from msvitreid.apis.clustering.labels_file import write_list
from msvitreid.datasets.readers.spellings import stands_for_nothing
from msvitreid.errors import ReviewError
from msvitreid.gallery import GalleryStore
from msvitreid.utils.printable import printable

from .marks import Image, Mark

MOST_NAMED = 3
"""Contradictions that a sentence names."""


def identities(marks: Iterable[Mark]) -> list[list[Image]]:
    """Images that are joined by marks "same", directly or through others; each sorted.

    Raises:
        ReviewError: two images of one identity are marked as different; the sentence names them
            and the chain that joins them.
    """
    marks = list(marks)
    neighbors: dict[Image, list[Image]] = {}
    for mark in marks:
        if mark.answer == 'same':
            neighbors.setdefault(mark.query, []).append(mark.hit)
            neighbors.setdefault(mark.hit, []).append(mark.query)
    group_of: dict[Image, int] = {}
    groups: list[list[Image]] = []
    for image in sorted(neighbors):
        if image not in group_of:
            found = _reached_from(image, neighbors)
            group_of.update(dict.fromkeys(found, len(groups)))
            groups.append(sorted(found))
    contradictions = [
        _chain(mark, neighbors)
        for mark in marks
        if mark.answer == 'different'
        and mark.query in group_of
        and group_of[mark.query] == group_of.get(mark.hit)
    ]
    if contradictions:
        more = len(contradictions) - MOST_NAMED
        raise ReviewError(
            'marks contradict each other: '
            + '; '.join(contradictions[:MOST_NAMED])
            + (f'; and {more:,} more' if more > 0 else '')
            + '; undo a wrong one of them'
        )
    return groups


def training_list(marks: Iterable[Mark], gallery: GalleryStore) -> bytes:
    """A CSV list ``path,pid,camid`` of identities that have two images or more in the gallery.

    The path is the id. An uploaded image joins others and is not in the list itself; nor is an
    image that the gallery no longer has. Numbers of identities are by their first ids.

    Raises:
        ReviewError: marks contradict each other, or there is no such identity.
        DatasetError: an id is no path, so that a dataset could not read the list.
    """
    groups = [
        [image.name for image in one if image.kind == 'gallery'] for one in identities(marks)
    ]
    known = gallery.get([id_ for group in groups for id_ in group], embeddings=False)
    kept = [[id_ for id_ in group if id_ in known] for group in groups]
    kept = sorted(group for group in kept if len(group) > 1)
    if not kept:
        raise ReviewError(
            'no two images of the gallery are marked as the same identity; mark some first'
        )
    paths, pids, cameras = [], [], []
    for pid, group in enumerate(kept):
        for id_ in group:
            camera = known[id_].metadata.get('camera')
            name = '' if camera is None else str(camera)
            paths.append(id_)
            pids.append(str(pid))
            cameras.append('' if stands_for_nothing(name) else name)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, 'marks.csv')
        write_list(file, paths, pids, cameras)
        return file.read_bytes()


def _reached_from(start: Image, neighbors: dict[Image, list[Image]]) -> dict[Image, Image]:
    """All images that are joined with one, and the image from which each was reached first."""
    came_from, waiting = {start: start}, deque([start])
    while waiting:
        image = waiting.popleft()
        for other in neighbors[image]:
            if other not in came_from:
                came_from[other] = image
                waiting.append(other)
    return came_from


def _chain(mark: Mark, neighbors: dict[Image, list[Image]]) -> str:
    came_from = _reached_from(mark.query, neighbors)
    chain = [mark.hit]
    while chain[-1] != mark.query:
        chain.append(came_from[chain[-1]])
    names = [_shown(image) for image in reversed(chain)]
    return (
        f'{names[0]} and {names[-1]} are marked as different (mark {mark.number}), and as the '
        f'same through {" = ".join(names)}'
    )


def _shown(image: Image) -> str:
    if image.kind == 'upload':
        return f'the uploaded image {image.name[:12]}'
    return repr(printable(image.name))
