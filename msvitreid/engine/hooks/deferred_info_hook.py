from __future__ import annotations

from typing import Any

import torch
from mmengine.hooks import LoggerHook, RuntimeInfoHook
from mmengine.runner import Runner

from msvitreid.registry import HOOKS


@HOOKS.register_module()
class DeferredInfoHook(RuntimeInfoHook):
    """mmengine's ``RuntimeInfoHook``, which reads losses only when they are about to be logged.

    mmengine reads every loss of every step, and each time the host waits until the device has
    come that far. Here they stay on the device until the LoggerHook's interval, then go to the
    log together, of every step as before.
    """

    def __init__(self) -> None:
        super().__init__()
        self._interval = 1
        self._unread: list[dict[str, Any]] = []

    def before_train(self, runner: Runner) -> None:
        super().before_train(runner)
        for hook in runner.hooks:
            if isinstance(hook, LoggerHook):
                self._interval = hook.interval

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        self._unread.append(outputs or {})
        if self.every_n_inner_iters(batch_idx, self._interval) or self.end_of_epoch(
            runner.train_dataloader, batch_idx
        ):
            self.before_interruption(runner)

    def before_interruption(self, runner: Runner) -> None:
        steps, self._unread = self._unread, []
        numbers = [value for step in steps for value in step.values()]
        tensors = [value.detach().float().mean() for value in numbers if torch.is_tensor(value)]
        # One copy, so the host waits once.
        read = iter(torch.stack(tensors).cpu().tolist() if tensors else [])
        for step in steps:
            for name, value in step.items():
                number = next(read) if torch.is_tensor(value) else value
                runner.message_hub.update_scalar(f'train/{name}', number)
