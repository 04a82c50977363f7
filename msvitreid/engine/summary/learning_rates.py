"""The learning rate of a whole run, by the run's own schedulers on a stand-in optimizer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from mmengine.hooks import ParamSchedulerHook
from mmengine.optim import OptimWrapper
from mmengine.runner import IterBasedTrainLoop, Runner
from torch import nn

from msvitreid.registry.type_names import short_type

#: Changes of the rate beyond which a curve takes longer than anyone waits.
MOST_CHANGES = 500_000


def learning_rates(runner: Runner, name: str | None = None) -> list[float] | None:
    """The rate of every epoch, or of every step where a scheduler changes it at each.

    It is the rate of the parameter group whose base rate is the highest. Neither the run's
    optimizer nor its schedulers are touched, so a resumed run has its whole curve too.

    Args:
        runner: with its training loop and optimizer built.
        name: of the optimizer, where the run has several.

    Returns:
        The rates in order; ``None`` where schedulers did not come from the config, follow
        validation figures, or go on for too many steps.
    """
    wrapper = runner.optim_wrapper if name is None else runner.optim_wrapper[name]
    if not any(isinstance(hook, ParamSchedulerHook) for hook in runner.hooks):
        return None  # nobody steps the schedulers
    configs = runner.cfg.get('param_scheduler') or ()
    if isinstance(configs, Mapping):
        configs = [configs] if 'type' in configs else configs.get(name, [])
    by_figures = any('ReduceOnPlateau' in short_type(config) for config in configs)
    if by_figures or (not configs and runner.param_schedulers):
        return None
    base = max(starting_rate(group) for group in wrapper.optimizer.param_groups)
    stand_in = OptimWrapper(
        torch.optim.SGD([nn.Parameter(torch.zeros(()))], lr=base, momentum=0.9)
    )
    schedulers = runner._build_param_scheduler(list(configs), stand_in)
    # As if the optimizer had stepped, or the schedulers warn.
    stand_in._global_step = 0
    by_step = [scheduler for scheduler in schedulers if not scheduler.by_epoch]
    by_iteration = isinstance(runner.train_loop, IterBasedTrainLoop)
    epochs = 1 if by_iteration else runner.max_epochs
    steps = 1
    if by_step:
        steps = runner.max_iters if by_iteration else len(runner.train_dataloader)
    if epochs * steps > MOST_CHANGES:
        return None
    rates = []
    for number in range(epochs * steps):
        rates.append(float(stand_in.optimizer.param_groups[0]['lr']))
        # As ParamSchedulerHook does.
        for scheduler in schedulers if (number + 1) % steps == 0 else by_step:
            scheduler.step()
    return rates


def starting_rate(group: Mapping[str, Any]) -> float:
    """The rate of a parameter group before any scheduler changed it."""
    return float(group.get('initial_lr', group['lr']))
