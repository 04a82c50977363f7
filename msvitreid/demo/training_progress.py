from __future__ import annotations

import sys
import time
from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import Runner

#: At most, where standard output is no terminal.
LINES = 4


class TrainingProgress(Hook):
    """One line that shows epoch, loss and time left; where there is no terminal, a few lines."""

    def __init__(self) -> None:
        self._is_terminal = sys.stdout.isatty()
        self._started = 0.0
        self._loss: Any = 0.0

    def before_train(self, runner: Runner) -> None:
        self._started = time.monotonic()

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        self._loss = outputs['loss'].detach()
        if self._is_terminal and batch_idx % 5 == 0:
            print(f'\r  {self._state(runner, runner.iter + 1)}', end='\033[K', flush=True)

    def after_train_epoch(self, runner: Runner) -> None:
        done, epochs = runner.epoch + 1, runner.max_epochs
        if not self._is_terminal and done in {epochs * n // LINES for n in range(1, LINES + 1)}:
            print(f'  {self._state(runner, runner.iter)}', flush=True)

    def after_train(self, runner: Runner) -> None:
        if self._is_terminal:
            print(flush=True)

    def _state(self, runner: Runner, iterations: int) -> str:
        elapsed = time.monotonic() - self._started
        left = elapsed * (runner.max_iters - iterations) / iterations
        return (
            f'epoch {runner.epoch + 1}/{runner.max_epochs}, loss {float(self._loss):.2f}, '
            f'eta: {left // 60:.0f} min {left % 60:.0f} s'
        )
