from __future__ import annotations

from typing import Any

from mmengine.hooks import CheckpointHook, EarlyStoppingHook, Hook
from mmengine.runner import BaseLoop, IterBasedTrainLoop, Runner

from msvitreid.errors import ConfigError
from msvitreid.registry import HOOKS
from msvitreid.utils.near_names import did_you_mean

from .weight_average_hook import AVERAGED

#: Where the figures of the last validation are kept, with the epoch that they are of.
LAST_VALIDATION = 'last_validation'


@HOOKS.register_module()
class ValidationFiguresHook(Hook):
    """Keeps a validation's figures apart from those of the one before.

    mmengine logs whatever figures it has, also those that the validation at hand did not
    compute: an older epoch's next to the averaged net's, or those from before the run was
    resumed. Here each validation begins with none. Its figures are kept with their epoch, and
    a figure that ``save_best`` or early stopping needs and does not find is an error.

    Attributes:
        averaged: the averaged net's figures, as soon as there are some.

    Raises:
        ConfigError: ``save_best`` or ``monitor`` names no figure of the validation.
    """

    priority = 'VERY_HIGH'

    def __init__(self) -> None:
        self.averaged: dict[str, float] = {}

    def before_val(self, runner: Runner) -> None:
        scalars = runner.message_hub.log_scalars
        for name in [name for name in scalars if name.startswith('val/')]:
            del scalars[name]

    def after_val_epoch(self, runner: Runner, metrics: Any = None) -> None:
        # Not built, it is a dict, or None in a run that only tests.
        if not metrics or not isinstance(runner._train_loop, BaseLoop):
            return
        if all(name.startswith(AVERAGED) for name in metrics):
            self.averaged = {name.removeprefix(AVERAGED): metrics[name] for name in metrics}
            return
        _require_watched(runner, metrics)
        by_step = isinstance(runner.train_loop, IterBasedTrainLoop)
        figures = {k: float(v) for k, v in metrics.items() if isinstance(v, int | float)}
        runner.message_hub.update_info(
            LAST_VALIDATION,
            {
                'unit': 'iteration' if by_step else 'epoch',
                'number': runner.iter if by_step else runner.epoch,
                'figures': figures,
            },
        )


def _require_watched(runner: Runner, metrics: dict[str, Any]) -> None:
    """Check that there are the figures by which hooks decide."""
    for hook in runner.hooks:
        names: list[str] = []
        if isinstance(hook, CheckpointHook) and hook.save_best:
            option, names = 'save_best', [n for n in hook.save_best if n != 'auto']
        elif isinstance(hook, EarlyStoppingHook) and hook.strict:
            option, names = 'monitor', [hook.monitor]
        for name in names:
            if name not in metrics:
                raise ConfigError(
                    f'{type(hook).__name__} {option}={name!r} is no figure of the validation, '
                    f'which are {", ".join(metrics)}{did_you_mean(name, metrics)}'
                )
