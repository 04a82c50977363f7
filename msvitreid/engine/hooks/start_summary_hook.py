from __future__ import annotations

from collections.abc import Callable

from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner

from msvitreid.engine.summary.start_summary import evaluation_summary, training_summary
from msvitreid.engine.summary.terminal import end_start
from msvitreid.registry import HOOKS


@HOOKS.register_module()
class StartSummaryHook(Hook):
    """Logs what is about to run before the first step: model, weights, data, schedule.

    What the run logged until then is in the log file; from here on the terminal shows
    everything.
    """

    # After whatever may refuse to start.
    priority = 'LOWEST'

    def __init__(self) -> None:
        self._logged = False

    def before_train(self, runner: Runner) -> None:
        self._log(runner, lambda: training_summary(runner))

    def before_val(self, runner: Runner) -> None:
        self._log(runner, lambda: evaluation_summary(runner, runner.val_dataloader))

    def before_test(self, runner: Runner) -> None:
        self._log(runner, lambda: evaluation_summary(runner, runner.test_dataloader))

    def _log(self, runner: Runner, summary: Callable[[], str]) -> None:
        if self._logged:
            return
        self._logged = True
        end_start(runner.logger)
        if is_main_process():
            runner.logger.info(summary())
