"""Commands that are killed while they write, and started again.

Class of faults: half a file under the final name, or a leftover that blocks the next start.
``MSVITREID_KILLS=20`` kills each command at up to 20 moments.
"""

from __future__ import annotations

import csv
import json
import multiprocessing
import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch

from msvitreid.checkpoints.model_file import read_model_file
from tests.visualization.runs import write_result

from .command import command
from .test_cluster import write_gallery

KILLS = int(os.environ.get('MSVITREID_KILLS', '2'))
fork = multiprocessing.get_context('fork')


class Case(NamedTuple):
    """A command that writes the ``files`` below the folder that it is given."""

    arguments: Callable[[Path, Path], list[object]]
    files: dict[str, Callable[[Path], object]]


def rows(path: Path) -> int:
    with open(path, newline='') as file:
        return len(list(csv.reader(file)))


def arrays(path: Path) -> list[np.ndarray]:
    with np.load(path) as archive:
        return [archive[name] for name in archive]


def page_end(path: Path) -> None:
    assert path.read_text().rstrip().endswith('</html>')


CASES = {
    'embed': Case(
        lambda made, out: [
            *('embed', made / 'model.safetensors', made / 'set'),
            *('--out', out / 'e.npz'),
        ],
        {'e.npz': arrays},
    ),
    'convert': Case(
        lambda made, out: [
            *('convert', made / 'averaged.pth', out / 'm.safetensors'),
            *('--config', made / 'tiny.py'),
        ],
        {'m.safetensors': read_model_file},
    ),
    'split': Case(
        lambda made, out: ['split', made / 'set' / 'gallery', '--out', out / 's.csv'],
        {'s.csv': rows},
    ),
    'cluster': Case(
        lambda made, out: [
            *('cluster', made / 'gallery', '--threshold', '0.7'),
            *('--out', out / 'c.csv'),
        ],
        {'c.csv': rows},
    ),
    'report': Case(
        lambda made, out: ['report', made / 'result.json', '--out', out / 'r.html'],
        {'r.html': page_end, 'r.json': lambda path: json.loads(path.read_text())},
    ),
}


@pytest.fixture(scope='module')
def made(tiny_set, tmp_path_factory):
    """What the commands read."""
    folder = tmp_path_factory.mktemp('made')
    own = Path(tiny_set.model).parent
    shutil.copytree(own, folder, dirs_exist_ok=True)
    write_gallery(folder / 'gallery')
    write_result(folder / 'result.json', folder / 'averaged.pth', {'mAP': 0.5})
    return folder


def run_until(arguments: list[object], out: Path, moment: int | None, counted) -> None:
    """In a process of its own, which kills itself before a write operation below ``out``."""
    torch.set_num_threads(1)

    def watch(event: str, given: tuple) -> None:
        is_write = event == 'open' and isinstance(given[2], int) and given[2] & os.O_ACCMODE
        if not is_write and event not in ('os.rename', 'os.remove', 'os.mkdir'):
            return
        if str(out) in str(given[0]):
            if counted.value == moment:
                os.kill(os.getpid(), signal.SIGKILL)
            counted.value += 1

    sys.addaudithook(watch)
    sys.exit(command(*arguments).code)


def start(arguments: list[object], out: Path, moment: int | None = None) -> tuple[int, int]:
    """Exit code, and the number of write operations."""
    counted = fork.Value('i', 0)
    process = fork.Process(target=run_until, args=(arguments, out, moment, counted))
    process.start()
    process.join(60)
    assert process.exitcode is not None
    return process.exitcode, counted.value


@pytest.mark.parametrize('name', CASES)
def test_the_old_file_the_new_one_or_none(name, made, tmp_path):
    case = CASES[name]
    whole = tmp_path / 'whole'
    whole.mkdir()
    # What it imports is there for the processes that are forked.
    outcome = command(*case.arguments(made, whole))
    assert outcome.code == 0, outcome.err
    code, count = start(case.arguments(made, whole), whole)
    assert (code, count >= 2) == (0, True)
    for kill, moment in enumerate(np.linspace(count - 1, 1, KILLS, dtype=int).tolist()):
        out = tmp_path / str(kill)
        out.mkdir()
        before = b'before' if kill % 2 else None
        if before is not None:
            for file in case.files:
                (out / file).write_bytes(before)
        arguments = case.arguments(made, out)
        assert start(arguments, out, moment)[0] == -signal.SIGKILL
        for file, read in case.files.items():
            if (out / file).exists() and (out / file).read_bytes() != before:
                read(out / file)
        assert start(arguments, out)[0] == 0
        assert {path.name for path in out.iterdir()} == set(case.files)
        for file, read in case.files.items():
            read(out / file)
