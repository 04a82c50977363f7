from __future__ import annotations

from collections import deque
from typing import Any

import torch
from mmengine.hooks import Hook, LoggerHook
from mmengine.runner import Runner
from torch import Tensor
from torch.optim import Optimizer

from msvitreid.registry import HOOKS

KEY = 'train/amp_skipped'
WINDOW = 100


@HOOKS.register_module()
class AmpSkipHook(Hook):
    """Count the optimizer steps that loss scaling skipped, and warn of too many.

    Float16 gradients overflow now and then; the scaler then leaves out the step and lowers
    its scale. ``amp_skipped`` in the log is the count since training began, a resumed run's
    included. When more than half of the last 100 steps were skipped, it is a warning.
    Without loss scaling the hook does nothing.
    """

    # After the step is taken, and before the LoggerHook.
    priority = 'NORMAL'

    def __init__(self) -> None:
        self._active = False
        self._interval = 1
        self._taken: bool | Tensor = False
        self._unread: list[bool | Tensor] = []
        self._skipped = 0
        self._window: deque[bool] = deque(maxlen=WINDOW)

    def before_train(self, runner: Runner) -> None:
        self._active = hasattr(runner.optim_wrapper, 'loss_scaler')
        if not self._active:
            return
        runner.optim_wrapper.optimizer.register_step_post_hook(self._note_step)
        if KEY in runner.message_hub.log_scalars:
            self._skipped = int(runner.message_hub.get_scalar(KEY).current())
        for hook in runner.hooks:
            if isinstance(hook, LoggerHook):
                self._interval = hook.interval

    def _note_step(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        # Fused optimizers are always called, and look themselves at what the scaler found: a
        # tensor on the device, which is not read before the log is written.
        found_inf = getattr(optimizer, 'found_inf', None)
        self._taken = True if found_inf is None else found_inf == 0

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        if not self._active:
            return
        # As in OptimWrapper.update_params: other batches only accumulate gradients.
        if runner.optim_wrapper.should_update():
            self._unread.append(self._taken)
            self._taken = False
        if self.every_n_inner_iters(batch_idx, self._interval) or self.end_of_epoch(
            runner.train_dataloader, batch_idx
        ):
            self._log(runner)

    def before_interruption(self, runner: Runner) -> None:
        if self._active:
            self._log(runner)

    def _log(self, runner: Runner) -> None:
        # One copy, so the host waits once.
        tensors = [taken.reshape(()) for taken in self._unread if torch.is_tensor(taken)]
        read = iter(torch.stack(tensors).cpu().tolist() if tensors else [])
        skipped = [not (next(read) if torch.is_tensor(t) else t) for t in self._unread]
        self._unread.clear()
        self._skipped += sum(skipped)
        self._window.extend(skipped)
        runner.message_hub.update_scalar(KEY, self._skipped)
        if sum(self._window) > WINDOW // 2:
            runner.logger.warning(
                f'loss scaling skipped {sum(self._window)} of the last {WINDOW} optimizer steps, '
                'as their gradients overflowed: train with --cfg-options '
                'optim_wrapper.dtype=bfloat16, with a lower learning rate, or without --amp'
            )
