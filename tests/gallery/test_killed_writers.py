"""Writers that are killed: nothing that was acknowledged is lost, and no change is half there.

``MSVITREID_KILLS=4`` kills each kind of writer four times, 20 in all.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from msvitreid.errors import GalleryError
from msvitreid.gallery import create_gallery, open_gallery

from .made import MODEL, unit

D, STEP, GROUPS = 64, 7, 40
KILLS = int(os.environ.get('MSVITREID_KILLS', '1'))
fork = multiprocessing.get_context('fork')


def batch(number: int, seed: int | None = None) -> tuple:
    """Ids of the group ``number``, with vectors and metadata of ``seed``."""
    seed = number if seed is None else seed
    ids = [f'{number:05d}-{one}' for one in range(STEP)]
    return ids, unit(STEP, D, seed), [{'seed': seed, 'pid': number}] * STEP


def fill(path: Path, count: int) -> None:
    with create_gallery(path, D, MODEL) as gallery:
        for number in range(count):
            gallery.add(*batch(number))


def add(gallery, number: int) -> None:
    gallery.add(*batch(GROUPS + number))


def update(gallery, number: int) -> None:
    gallery.update(*batch(number % GROUPS, seed=1000 + number))


def remove(gallery, number: int) -> None:
    gallery.remove(batch(number)[0])


def compact(gallery, number: int) -> None:
    add(gallery, number)
    gallery.update(*batch(0, seed=1000 + number))
    gallery.compact()


def copy(gallery, number: int) -> None:
    with open_gallery(gallery.path.with_name('source'), readonly=True) as source:
        source.copy_to(gallery, batch_size=STEP)


def write_until_killed(path: Path, change: Callable, log: Path) -> None:
    torch.set_num_threads(1)
    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    with open_gallery(path) as gallery:
        for number in range(GROUPS if change is remove else 10**6):
            os.write(handle, f'begin {number}\n'.encode())
            change(gallery, number)
            os.write(handle, f'done {number}\n'.encode())
        time.sleep(60)


def last(log: Path, word: str) -> int:
    lines = log.read_text().splitlines() if log.exists() else []
    return max((int(line.split()[1]) for line in lines if line.startswith(word)), default=-1)


def require_whole_groups(gallery) -> dict[int, int]:
    """Each group's seed, after every vector was compared with it."""
    seeds: dict[int, list[int]] = {}
    for items in gallery.scan():
        for item in items:
            number, place = item.id.split('-')
            expected = unit(STEP, D, item.metadata['seed'])[int(place)]
            assert (item.embedding == expected).all(), item.id
            seeds.setdefault(int(number), []).append(item.metadata['seed'])
    for number, found in seeds.items():
        assert len(found) == STEP, number
        assert len(set(found)) == 1, number
    return {number: found[0] for number, found in seeds.items()}


@pytest.mark.parametrize('change', [add, update, remove, compact, copy])
@pytest.mark.parametrize('kill', range(KILLS))
def test_nothing_acknowledged_is_lost(tmp_path, change, kill):
    path, log = tmp_path / 'gallery', tmp_path / 'log'
    if change is copy:
        fill(tmp_path / 'source', GROUPS)
        create_gallery(path, D, MODEL).close()
    else:
        fill(path, GROUPS)
    writer = fork.Process(target=write_until_killed, args=(path, change, log))
    writer.start()
    deadline = time.monotonic() + 20
    while last(log, 'begin') < 0:
        assert time.monotonic() < deadline
        time.sleep(0.001)
    end = time.monotonic() + random.uniform(0.005, 0.3)
    with open_gallery(path, readonly=True) as reader:
        # A search is of one moment, whatever the writer does.
        while time.monotonic() < end:
            found = reader.search(unit(1, D), 10**6)
            assert len(found.ids[0]) % STEP == 0
        with pytest.raises(GalleryError, match='being written by another process'):
            open_gallery(path)
        os.kill(writer.pid, signal.SIGKILL)
        writer.join()
        assert len(reader.search(unit(1, D), 10**6).ids[0]) % STEP == 0
    begun, done = last(log, 'begin'), last(log, 'done')
    with open_gallery(path) as gallery:
        assert gallery.verify().problems == []
        seeds = require_whole_groups(gallery)
        if change in (add, compact):
            added = {number - GROUPS for number in seeds if number >= GROUPS}
            assert set(range(done + 1)) <= added <= set(range(begun + 1))
        if change is update:
            for number in range(GROUPS):
                acknowledged = max(range(number, done + 1, GROUPS), default=None)
                if acknowledged is not None:
                    assert seeds[number] >= 1000 + acknowledged
        if change is remove:
            assert set(range(begun + 1, GROUPS)) <= set(seeds)
            assert not set(range(done + 1)) & set(seeds)
        if change is copy:
            copy(gallery, 0)
            assert set(require_whole_groups(gallery)) == set(range(GROUPS))
        names = {file.name for file in path.iterdir()}
        assert len([name for name in names if name.startswith('vectors-')]) == 1
        assert not [name for name in names if name.endswith('.tmp')]
        gallery.add(['after'], unit(1, D, 10**9))
        assert gallery.search(unit(1, D, 10**9), 1).ids == [['after']]


def test_readers_keep_the_files_of_before_a_compaction(tmp_path):
    fill(tmp_path / 'g', 10)
    with (
        open_gallery(tmp_path / 'g', readonly=True) as reader,
        open_gallery(tmp_path / 'g') as writer,
    ):
        scan = reader.scan(batch_size=STEP)
        first = next(scan)
        writer.remove(batch(0)[0])
        with reader._session.reading() as snapshot:
            vectors = snapshot.vectors.at(np.arange(7, 14))
            writer.compact()
            assert (snapshot.vectors.at(np.arange(7, 14)) == vectors).all()
        rest = [item.id for items in scan for item in items]
        assert len(first) + len(rest) == 70
        assert reader.count() == writer.count() == 63
        assert reader.search(unit(STEP, D, 3), 1).ids == [[id_] for id_ in batch(3)[0]]
