"""Which checkpoints a work directory holds, and which of them a run can go on from."""

from __future__ import annotations

import logging
import os
import re
import zipfile
from pathlib import Path
from typing import NamedTuple

from mmengine.logging import print_log

from msvitreid.errors import CheckpointError

from .checkpoint import read_checkpoint

NAME = re.compile(r'epoch_(\d+)(?:_batch_(\d+))?\.pth')


class SavedCheckpoint(NamedTuple):
    """A checkpoint of ``epoch`` whole epochs and ``batch`` batches of the next."""

    epoch: int
    batch: int
    path: Path


def checkpoint_name(epoch: int, batch: int = 0) -> str:
    """``epoch_3.pth``, or ``epoch_3_batch_20.pth`` inside the fourth epoch."""
    return f'epoch_{epoch}_batch_{batch}.pth' if batch else f'epoch_{epoch}.pth'


def saved_checkpoints(work_dir: str | os.PathLike) -> list[SavedCheckpoint]:
    """All checkpoints of a run by their names, the one that got farthest last."""
    found = [(NAME.fullmatch(path.name), path) for path in Path(work_dir).glob('epoch_*.pth')]
    return sorted(
        SavedCheckpoint(int(name[1]), int(name[2] or 0), path) for name, path in found if name
    )


def newest_complete(work_dir: str | os.PathLike) -> Path | None:
    """The checkpoint that got farthest of those that can be read; None if there is no file.

    Files that are truncated or broken are named in the log and passed over, temporary files
    of a killed process are removed.

    Raises:
        CheckpointError: there are checkpoints, and all are broken.
    """
    for leftover in Path(work_dir).glob('.*.pth.tmp'):
        leftover.unlink(missing_ok=True)
    saved = saved_checkpoints(work_dir)
    for checkpoint in reversed(saved):
        try:
            _check_sums(checkpoint.path)
            read_checkpoint(checkpoint.path)
        except CheckpointError as error:
            print_log(f'--resume passes over a broken file: {error}', level=logging.WARNING)
        else:
            return checkpoint.path
    if saved:
        raise CheckpointError(
            f'--resume: none of the {len(saved)} checkpoints in {str(work_dir)!r} can be read; '
            'name another one with --resume CHECKPOINT, or start anew without'
        )
    return None


def _check_sums(path: Path) -> None:
    """Notice bytes that a disk lost inside of a file, which torch.load does not.

    Raises:
        CheckpointError: a check sum is wrong, or there is no archive to hold one.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
    except (OSError, zipfile.BadZipFile) as error:
        raise CheckpointError(f'checkpoint {str(path)!r} is truncated ({error})') from error
    if damaged is not None:
        raise CheckpointError(f'checkpoint {str(path)!r} is damaged (record {damaged})')
