from __future__ import annotations

from typing import Any

from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.runner import IterBasedTrainLoop

from msvitreid.engine.resume.abandoned_checkpoints import set_later_aside
from msvitreid.registry import HOOKS


@HOOKS.register_module()
class WorkDirHook(Hook):
    """Changes the work directory once nothing can refuse the start any more.

    Then the accepted changes are logged, and a run that is resumed from an earlier checkpoint sets
    the later ones aside. After the first step the config replaces that of the run before, and the
    log stays.
    """

    # After whatever may refuse to start.
    priority = 'LOWEST'

    def before_train(self, runner: Any) -> None:
        if getattr(runner, 'accepted_changes', None):
            runner.logger.warning(
                'resumed with accepted changes: '
                f'{", ".join(map(str, runner.accepted_changes.values()))}'
            )
        if runner._resume and runner._has_loaded and is_main_process():
            if isinstance(runner.train_loop, IterBasedTrainLoop):
                batch = runner.iter
            else:
                batch = getattr(runner.train_loop, 'start', 0)
            renamed = set_later_aside(runner.work_dir, runner.epoch, batch)
            if renamed:
                runner.logger.warning(
                    f'resumed after iteration {runner.iter}: checkpoints of the run that had gone '
                    f'on from there are set aside as {", ".join(path.name for path in renamed)}'
                )

    def after_train_iter(
        self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        _record(runner)

    def after_val_iter(
        self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        _record(runner)

    def after_test_iter(
        self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        _record(runner)


def _record(runner: Any) -> None:
    # A runner of mmengine's has written its config already.
    if hasattr(runner, 'record_start'):
        runner.record_start()
