"""The checkpoints in a work directory, by their names; ``CheckpointHook`` saves under them."""

from __future__ import annotations

import os
import re
import socket
from pathlib import Path
from typing import NamedTuple

from msvitreid.utils.files import TEMPORARY, is_running, remove_temporary

#: Of runs that count epochs, and of those that count iterations.
EPOCH_TEMPLATE, ITERATION_TEMPLATE = 'epoch_{}.pth', 'iter_{}.pth'

NAME = re.compile(r'epoch_(\d+)(?:_batch_(\d+))?\.pth')
ITERATION_NAME = re.compile(r'iter_(\d+)\.pth')

#: The position in a name: of ``epoch_6.pth``, ``best_mAP_epoch_6.pth``, ``epoch_6-0123abcd.pth``.
POSITION = re.compile(r'(?:.+_)?epoch_(\d+)(?:_batch_(\d+))?(?:-[0-9a-f]{8})?\.pth')

#: The same of a run that counts iterations, which is one epoch of them.
ITERATION = re.compile(r'(?:.+_)?iter_(\d+)(?:-[0-9a-f]{8})?\.pth')

#: Of the best file by a measure, its step behind the beginning.
BEST_NAME = re.compile(r'(best_.+_(?:epoch|iter)_)(\d+)\.pth')

#: Beginnings of names that have a meaning in a work directory.
TAKEN = ('.', 'best_', 'abandoned')

#: Characters of a name, to which others are added while its file is written.
LONGEST_NAME = 100


class SavedCheckpoint(NamedTuple):
    """A checkpoint of ``epoch`` whole epochs and ``batch`` batches of the next.

    A run that counts iterations is to mmengine one epoch of them.
    """

    epoch: int
    batch: int
    path: Path


def checkpoint_name(epoch: int, batch: int = 0) -> str:
    """``epoch_3.pth``, or ``epoch_3_batch_20.pth`` in the fourth epoch."""
    return EPOCH_TEMPLATE.format(f'{epoch}_batch_{batch}' if batch else epoch)


def iteration_name(iteration: int) -> str:
    """``iter_300.pth``, of a run that counts iterations."""
    return ITERATION_TEMPLATE.format(iteration)


def is_result_name(name: str, suffix: str) -> bool:
    """Whether a run's result may be called so: a plain name that no other file of a run has."""
    is_checkpoint = NAME.fullmatch(name) or ITERATION_NAME.fullmatch(name)
    return (
        name.endswith(suffix)
        and len(name) <= LONGEST_NAME
        and name.isprintable()
        and not any(separator in name for separator in '/\\')
        and not name.startswith(TAKEN)
        and not is_checkpoint
    )


def saved_checkpoints(work_dir: str | os.PathLike[str]) -> list[SavedCheckpoint]:
    """All checkpoints that a run can be resumed from, the one that got farthest last."""
    found = []
    for path in Path(work_dir).glob('*.pth'):
        if name := NAME.fullmatch(path.name):
            found.append(SavedCheckpoint(int(name[1]), int(name[2] or 0), path))
        elif name := ITERATION_NAME.fullmatch(path.name):
            found.append(SavedCheckpoint(0, int(name[1]), path))
    return sorted(found)


def remove_overtaken(work_dir: str | os.PathLike[str]) -> None:
    """Remove the checkpoints within epochs that lie before the newest whole one."""
    saved = saved_checkpoints(work_dir)
    newest = max((s.epoch for s in saved if not s.batch), default=0)
    for checkpoint in saved:
        # A run that counts iterations has no epochs that could overtake it.
        within_epoch = checkpoint.batch and NAME.fullmatch(checkpoint.path.name)
        if within_epoch and checkpoint.epoch < newest:
            checkpoint.path.unlink(missing_ok=True)


def remove_leftovers(work_dir: str | os.PathLike[str]) -> None:
    """Remove what killed runs left of files that they were writing.

    For the holder of the :func:`~msvitreid.checkpoints.run_lock.run_lock`: no other run writes
    there, so what was begun on another host is of a dead run. Of this host's files those stay
    whose process is alive, such as a converter's that writes into the folder.
    """
    host = socket.gethostname()
    for path in Path(work_dir).glob('.*.tmp'):
        name = TEMPORARY.fullmatch(path.name)
        if name is None:
            continue
        pid = int(name['pid'])
        is_here = f'.{host}.{pid}.' in path.name
        if not (is_here and pid != os.getpid() and is_running(pid)):
            remove_temporary(path)
