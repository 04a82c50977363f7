from __future__ import annotations

from typing import Any

import numpy as np
import torch
from mmengine.hooks import Hook
from mmengine.logging import HistoryBuffer
from mmengine.runner import Runner

from msvitreid.engine.resume_check import training_types


class PlainCheckpointHook(Hook):
    """Write a checkpoint's log history and metadata as tensors and plain containers.

    mmengine 0.10.7 saves ``HistoryBuffer`` objects and NumPy scalars, which
    ``weights_only=True`` (the default since torch 2.6) refuses to read, so that its own
    checkpoints cannot be resumed. The types of optimiser and schedulers, which torch and
    mmengine do not save, are noted in the metadata.
    """

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        checkpoint['meta'].update(training_types(runner))
        for key in ('meta', 'message_hub', 'param_schedulers'):
            if key in checkpoint:
                checkpoint[key] = _plain(checkpoint[key])

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        if 'message_hub' not in checkpoint:
            return
        scalars = checkpoint['message_hub']['log_scalars']
        checkpoint['message_hub']['log_scalars'] = {
            name: HistoryBuffer(values.cpu().numpy(), counts.cpu().numpy())
            for name, (values, counts) in scalars.items()
        }


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
