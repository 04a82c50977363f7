"""What a run that goes back to an earlier checkpoint leaves behind."""

from __future__ import annotations

import os
import re
from pathlib import Path

from msvitreid.checkpoints import read_checkpoint, read_model_file
from msvitreid.checkpoints.checkpoint_names import (
    ITERATION,
    POSITION,
    checkpoint_name,
    iteration_name,
)
from msvitreid.checkpoints.model_file import SUFFIX, is_model_file
from msvitreid.errors import CheckpointError
from msvitreid.utils.files import atomic_write

SET_ASIDE = re.compile(r'abandoned\d*_')


def set_later_aside(work_dir: str | os.PathLike[str], epoch: int, batch: int) -> list[Path]:
    """Rename the checkpoints of a run that was abandoned, so that none is taken for this one's.

    ``epoch_6.pth`` becomes ``abandoned_epoch_6.pth``, or ``abandoned2_epoch_6.pth`` where files
    were set aside before: those of one prefix are of one run. ``last_checkpoint`` follows.

    Args:
        work_dir: the run's.
        epoch, batch: whole epochs, and batches of the next one, that the run is resumed after;
            0 and the iterations of a run that counts those.

    Returns:
        the new paths of the files that were written later: of a later epoch by their names, and
        averaged nets and model files of a later epoch by what they hold.
    """
    later = [
        path
        for pattern in ('*.pth', f'*{SUFFIX}')
        for path in sorted(Path(work_dir).glob(pattern))
        if not path.name.startswith('.')
        and not SET_ASIDE.match(path.name)
        and _position(path) > (epoch, batch)
    ]
    prefix = _free_prefix(Path(work_dir))
    renamed = [path.rename(path.with_name(prefix + path.name)) for path in later]
    pointer = Path(work_dir) / 'last_checkpoint'
    if later and pointer.exists():
        names = [checkpoint_name(epoch, batch), iteration_name(batch)]
        last = next((path for name in names if (path := Path(work_dir) / name).exists()), None)
        if last is not None:
            with atomic_write(pointer) as temporary:
                temporary.write_text(str(last), encoding='utf-8')
        else:
            pointer.unlink()
    return renamed


def _position(path: Path) -> tuple[int, int]:
    """How far the run was that wrote a file; (-1, 0) of a file that is of no run."""
    name = POSITION.fullmatch(path.name)
    if name is not None:
        return int(name[1]), int(name[2] or 0)
    if name := ITERATION.fullmatch(path.name):
        return 0, int(name[1])
    try:
        if is_model_file(path):
            trained = read_model_file(path).description.get('trained') or {}
            return trained.get('epochs', -1), trained.get('iterations', 0)
        meta = read_checkpoint(path).get('meta')
    except CheckpointError:
        return -1, 0
    # Not a net of another run that its config starts from.
    if isinstance(meta, dict) and 'averaged_epochs' in meta:
        epoch = meta.get('epoch')
        return (epoch, 0) if isinstance(epoch, int) else (-1, 0)
    return -1, 0


def _free_prefix(work_dir: Path) -> str:
    taken = {name[0] for path in work_dir.iterdir() if (name := SET_ASIDE.match(path.name))}
    number, free = 1, 'abandoned_'
    while free in taken:
        number += 1
        free = f'abandoned{number}_'
    return free
