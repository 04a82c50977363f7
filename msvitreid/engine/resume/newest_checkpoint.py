"""Which checkpoint of a work directory a run can be resumed from."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from mmengine.logging import print_log

from msvitreid.checkpoints import read_checkpoint
from msvitreid.checkpoints.checkpoint_names import saved_checkpoints
from msvitreid.errors import CheckpointError


def newest_complete(work_dir: str | os.PathLike[str]) -> Path | None:
    """The checkpoint that got farthest of those that can be read; None if there is no file.

    Files that are truncated or broken are named in the log and passed over. Nothing is
    changed in the folder.

    Raises:
        CheckpointError: there are checkpoints, and all are broken.
    """
    saved = saved_checkpoints(work_dir)
    for checkpoint in reversed(saved):
        try:
            read_checkpoint(checkpoint.path)
        except CheckpointError as error:
            print_log(f'--resume passes over a broken file: {error}', level=logging.WARNING)
        else:
            return checkpoint.path
    if saved:
        raise CheckpointError(
            f'--resume: none of the {len(saved)} checkpoints in {str(work_dir)!r} can be read; '
            'name another one with --resume CHECKPOINT, or start a new run in another folder'
        )
    return None
