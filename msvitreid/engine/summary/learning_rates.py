"""The learning rate of a whole run, by the run's own schedulers on a stand-in optimizer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from mmengine.optim import OptimWrapper, _ParamScheduler
from mmengine.runner import IterBasedTrainLoop, Runner
from torch import nn

from msvitreid.registry.type_names import short_type

BLOCKS = '▁▂▃▄▅▆▇█'

#: Changes of single parameter groups beyond which a curve takes longer than anyone waits.
MOST_CHANGES = 500_000


def learning_rates(runner: Runner, name: str | None = None) -> list[float] | None:
    """The rate of every epoch, or of every step where a scheduler changes it at each.

    It is the rate of the parameter group whose rate is the highest, without what a scheduler
    would make of validation figures. Neither the run's optimizer nor its schedulers are
    touched, so a resumed run shows its whole curve too.

    Args:
        runner: with its training loop and optimizer built.
        name: of the optimizer, where the run has several.

    Returns:
        The rates in order; ``None`` where schedulers did not come from the config, or go on
        for too many steps.
    """
    wrapper = runner.optim_wrapper if name is None else runner.optim_wrapper[name]
    configs = runner.cfg.get('param_scheduler')
    if configs is None and runner.param_schedulers:
        return None
    if isinstance(configs, Mapping):
        configs = [configs] if 'type' in configs else configs.get(name, [])
    stand_in = _stand_in(wrapper)
    schedulers = runner._build_param_scheduler(
        [config for config in configs or () if _sets_rate(config)], stand_in
    )
    # As if the optimizer had stepped, or the schedulers warn.
    stand_in._global_step = 0
    by_step = [scheduler for scheduler in schedulers if not scheduler.by_epoch]
    by_epoch = [scheduler for scheduler in schedulers if scheduler.by_epoch]
    if isinstance(runner.train_loop, IterBasedTrainLoop):
        epochs, steps = 1, runner.max_iters
    else:
        epochs, steps = runner.max_epochs, len(runner.train_dataloader)
    groups = stand_in.optimizer.param_groups
    changes = sum(min(scheduler.end, epochs * steps) for scheduler in by_step)
    if changes * len(groups) > MOST_CHANGES:
        return None
    highest = max(groups, key=starting_rate)
    return list(_walk(highest, by_epoch, by_step, epochs, steps if by_step else 1))


def starting_rate(group: Mapping[str, Any]) -> float:
    """The rate of a parameter group before any scheduler changed it."""
    return float(group.get('initial_lr', group['lr']))


def sparkline(values: Sequence[float], width: int = 40) -> str:
    """Values from 0 up as a row of at most ``width`` block characters."""
    if len(values) > width:
        values = [values[round(i * (len(values) - 1) / (width - 1))] for i in range(width)]
    top = max(values) or 1.0
    last = len(BLOCKS) - 1
    return ''.join(BLOCKS[min(int(value / top * len(BLOCKS)), last)] for value in values)


def _stand_in(wrapper: OptimWrapper) -> OptimWrapper:
    """An optimizer with the same groups, of one number each."""
    groups = []
    for group in wrapper.optimizer.param_groups:
        options = {key: value for key, value in group.items() if not key.startswith('initial_')}
        number = nn.Parameter(torch.zeros(()))
        groups.append({**options, 'lr': starting_rate(group), 'params': [number]})
    return OptimWrapper(torch.optim.SGD(groups))


def _sets_rate(config: Any) -> bool:
    """Whether a scheduler's config is one that sets learning rates step by step."""
    kind = short_type(config)
    if 'Momentum' in kind or 'ReduceOnPlateau' in kind:
        return False
    return config.get('param_name', 'lr') == 'lr'


def _walk(
    group: Mapping[str, Any],
    by_epoch: Sequence[_ParamScheduler],
    by_step: Sequence[_ParamScheduler],
    epochs: int,
    steps: int,
) -> Iterator[float]:
    """What ``ParamSchedulerHook`` does in a run, and the rate of each step."""
    for _ in range(epochs):
        for _ in range(steps):
            yield float(group['lr'])
            for scheduler in by_step:
                if scheduler._global_step < scheduler.end:
                    scheduler.step()
        for scheduler in by_epoch:
            scheduler.step()
