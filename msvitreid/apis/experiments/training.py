"""The net of one run: trained by a process of its own, or joined from those of other runs."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from msvitreid.errors import PREEMPTED, ReIDError
from msvitreid.models.joining import join_model_files
from msvitreid.utils.files import make_folder, write_text_atomically
from msvitreid.utils.printable import printable

from .results import Run

#: In a run's folder: the seconds that its training took.
CLOCK = 'train_seconds.txt'


def join(run: Run) -> float:
    """Join the nets of a run's members, and return the minutes of their training.

    Raises:
        ReIDError: a member left no model file.
    """
    make_folder(run.work_dir)
    for member in run.members:
        if not member.model_file.is_file():
            raise ReIDError(
                f'{run.name}: {member.name} left no {member.model_file}; train it with '
                'default_hooks.model_file as it is by default'
            )
    join_model_files([member.model_file for member in run.members], run.model_file)
    return sum(_seconds(member) for member in run.members) / 60


def _seconds(run: Run) -> float:
    """Of training so far."""
    clock = run.folder / CLOCK
    return float(clock.read_text(encoding='ascii')) if clock.is_file() else 0.0


def train(run: Run, device: str) -> float:
    """Train a run, or go on with its training, and return the minutes of all starts.

    Raises:
        ReIDError: the training failed, or was stopped and has saved.
    """
    make_folder(run.folder)
    log = run.folder / 'train.txt'
    before = _seconds(run)
    started = time.monotonic()
    with open(log, 'ab') as output:
        code = subprocess.run(
            [sys.executable, '-m', 'msvitreid', *run.command],
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env=_environment(device),
            check=False,
        ).returncode
    seconds = before + time.monotonic() - started
    write_text_atomically(run.folder / CLOCK, f'{seconds:.1f}\n')
    if code == PREEMPTED:
        raise ReIDError(f'{run.name} was stopped and has saved; the same command continues it')
    if code:
        raise ReIDError(f'{run.name} failed with code {code}: {_last_line(log)}; see {log}')
    return seconds / 60


def _environment(device: str) -> dict[str, str]:
    """Training takes the first device that it sees."""
    environment = dict(os.environ)
    if device == 'cpu':
        environment['CUDA_VISIBLE_DEVICES'] = ''
    elif device.startswith('cuda:'):
        environment['CUDA_VISIBLE_DEVICES'] = device.removeprefix('cuda:')
    return environment


def _last_line(log: Path) -> str:
    with open(log, 'rb') as file:
        file.seek(max(0, log.stat().st_size - 4096))
        lines = file.read().decode(errors='replace').strip().splitlines()
    return printable(lines[-1]) if lines else 'it said nothing'
