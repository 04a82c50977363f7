from __future__ import annotations

import numpy as np
import torch
from mmengine.hooks import Hook
from mmengine.logging import HistoryBuffer
from mmengine.runner import Runner


class PlainHistoryHook(Hook):
    """Write the log history of a checkpoint as tensors, and read it back.

    mmengine 0.10.7 saves ``HistoryBuffer`` objects, which ``weights_only=True`` (the default
    since torch 2.6) refuses to read, so that its own checkpoints cannot be resumed.
    """

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        scalars = checkpoint['message_hub']['log_scalars']
        checkpoint['message_hub']['log_scalars'] = {
            name: [torch.from_numpy(np.array(array, np.float64)) for array in buffer.data]
            for name, buffer in scalars.items()
        }

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        if 'message_hub' not in checkpoint:
            return
        scalars = checkpoint['message_hub']['log_scalars']
        checkpoint['message_hub']['log_scalars'] = {
            name: HistoryBuffer(values.cpu().numpy(), counts.cpu().numpy())
            for name, (values, counts) in scalars.items()
        }
