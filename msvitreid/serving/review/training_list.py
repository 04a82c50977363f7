"""The training list of reviewed identities."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path

from msvitreid.apis.clustering.labels_file import write_list
from msvitreid.datasets.readers.spellings import named, readings
from msvitreid.errors import ReviewError
from msvitreid.gallery import GalleryStore

from .contradictions import require_no_contradiction
from .state import ReviewState


def training_list(state: ReviewState, gallery: GalleryStore) -> bytes:
    """A CSV list ``path,pid,camid`` of identities that have two images or more in the gallery.

    The path is the id, the pid the name of the identity. Those without a name get the numbers
    from 0 on, by their first ids, that are no names. An uploaded image joins others and is not
    in the list itself; nor is an image that was set aside or that the gallery no longer has.

    Raises:
        ReviewError: marks contradict each other, or there is no such identity.
        DatasetError: an id is no path, so that a dataset could not read the list.
    """
    require_no_contradiction(state)
    wanted = [
        ([id_ for id_ in one.ids if id_ not in state.asides], one.name)
        for one in state.identities
    ]
    known = gallery.get([id_ for ids, _ in wanted for id_ in ids], embeddings=False)
    kept = [([id_ for id_ in ids if id_ in known], name) for ids, name in wanted]
    kept = sorted(one for one in kept if len(one[0]) > 1)
    if not kept:
        raise ReviewError(
            'no two images of the gallery are marked as the same identity; mark some first'
        )
    numbers = _free_numbers([name for _, name in kept if name])
    paths, pids, cameras = [], [], []
    for ids, name in kept:
        pid = name or next(numbers)
        for id_ in ids:
            paths.append(id_)
            pids.append(pid)
            cameras.append(named(known[id_].metadata.get('camera')))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, 'marks.csv')
        write_list(file, paths, pids, cameras)
        return file.read_bytes()


def _free_numbers(names: list[str]) -> Iterator[str]:
    taken = {reading for name in names for reading in readings(name)}
    return (str(number) for number in count() if taken.isdisjoint(readings(str(number))))
