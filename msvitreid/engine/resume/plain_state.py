"""A run's state as a checkpoint holds it: tensors and plain containers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.logging import HistoryBuffer
from mmengine.runner import Runner

from msvitreid.checkpoints import file_name_of
from msvitreid.checkpoints.schema import BEST_FILE, BEST_SCORE

from .experiment_changes import experiment_record
from .resumable import training_types

#: What the resumed run knows of itself; ``last_ckpt`` is set when it saves.
OF_THIS_RUN = frozenset(
    ('cfg', 'dataset_meta', 'experiment_name', 'last_ckpt', 'loop_stage', 'max_epochs',
     'max_iters', 'mmengine_version')
)  # fmt: skip


def make_plain(runner: Runner, checkpoint: dict[str, Any]) -> None:
    """Have a checkpoint that is about to be saved hold tensors and plain containers only.

    mmengine 0.10.7 saves ``HistoryBuffer`` objects and NumPy scalars, which
    ``weights_only=True`` (the default since torch 2.6) refuses to read, so that its own
    checkpoints cannot be resumed. The types of optimizer and schedulers, the options and the
    data of the run, which torch and mmengine do not save, are noted in the metadata.
    """
    checkpoint['meta'].update(training_types(runner), **experiment_record(runner))
    # A scheduler of mmengine keeps a method there, which no safe file can hold.
    schedulers = checkpoint.get('param_schedulers')
    if isinstance(schedulers, list):
        checkpoint['param_schedulers'] = [
            {name: value for name, value in state.items() if not callable(value)}
            for state in schedulers
        ]
    for key in ('meta', 'message_hub', 'param_schedulers'):
        if key in checkpoint:
            checkpoint[key] = _plain(checkpoint[key])


def restore_history(runner: Runner, checkpoint: dict[str, Any]) -> None:
    """Give a checkpoint that is resumed from mmengine's form of the log's history again."""
    hub = checkpoint['message_hub']
    scalars = {
        name: HistoryBuffer(*(part.cpu().double().numpy() for part in parts))
        for name, parts in hub['log_scalars'].items()
    }
    folder = Path(runner.work_dir)
    info = taken_over(hub['runtime_info'], folder)
    source = Path(runner._load_from or folder / 'epoch_N.pth')
    if source.parent.resolve() != folder.resolve():
        # Those are the other run's; here the same numbers may be other files.
        info.pop('keep_ckpt_ids', None)
    # mmengine saves nothing but what is to be resumed.
    resumed = dict.fromkeys([*scalars, *info], True)
    checkpoint['message_hub'] = {
        'log_scalars': scalars,
        'runtime_info': info,
        'resumed_keys': resumed,
    }


def taken_over(info: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """What a resumed run takes over of the information of the run before.

    ``CheckpointHook`` removes the file that ``best_ckpt`` names when it has a better one, so it is
    looked for in this run's folder only, whatever folder is named; without its file a best score
    is dropped too, as the next is the best here.

    Args:
        info: ``message_hub.runtime_info`` of a checkpoint.
        folder: where this run's checkpoints are.
    """
    taken = {key: value for key, value in info.items() if key not in OF_THIS_RUN}
    for key, path in info.items():
        if not key.startswith(BEST_FILE):
            continue
        own = folder / file_name_of(path or '')
        if path and own.is_file():
            taken[key] = str(own)
        else:
            del taken[key]
            taken.pop(key.replace(BEST_FILE, BEST_SCORE, 1), None)
    return taken


def _plain(value: Any) -> Any:
    if isinstance(value, HistoryBuffer):
        return [torch.from_numpy(np.array(array, np.float64)) for array in value.data]
    if isinstance(value, np.ndarray):
        return torch.from_numpy(value)
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value
