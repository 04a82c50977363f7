"""Learning rates of a checkpoint that the config's schedule does not give where it was written.

Their options agree with the config's; what steps have made of them is compared here. A value in
range that somebody wrote into the file, or a counter set back, would train something else.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from mmengine.hooks import ParamSchedulerHook
from mmengine.runner import Runner

from msvitreid.checkpoints.training_options import STEPS, saved_groups

from .accepted_changes import replay
from .experiment_changes import Change

#: Steps of groups beyond which going through a schedule takes longer than anyone waits.
MOST_STEPS = 500_000


def schedule_changes(runner: Runner, checkpoint: Mapping[str, Any]) -> Iterator[Change]:
    """Scheduled values of optimizer and schedulers that differ, each name once.

    Nothing where values do not follow from the config: without schedulers or the hook that steps
    them, where they follow validation figures, and with schedulers or hooks of other packages,
    which may set learning rates.

    Args:
        runner: with one optimizer, no step taken, and the checkpoint's options.
        checkpoint: of checked types, with as many groups and schedulers.
    """
    wrapper, meta = runner.optim_wrapper, checkpoint['meta']
    schedulers = list(runner.param_schedulers or ())
    if not _follow_from_config(runner, schedulers, meta):
        return
    scheduled = {scheduler.param_name for scheduler in schedulers}
    named: set[str] = set()
    with _left_as_they_are(wrapper, schedulers):
        replay(schedulers, meta)
        pairs = zip(saved_groups(checkpoint['optimizer']), wrapper.param_groups, strict=True)
        for position, (saved, own) in enumerate(pairs):
            for name in (scheduled & own.keys()) - named:
                if not math.isclose(saved[name], own[name], rel_tol=1e-6, abs_tol=1e-12):
                    named.add(name)
                    path = f'optimizer.param_groups.{position}.{name}'
                    yield Change(path, f'{saved[name]:.6g}', f'{own[name]:.6g}')
        states = zip(checkpoint['param_schedulers'], schedulers, strict=True)
        for position, (state, scheduler) in enumerate(states):
            for name in STEPS:
                old, new = state[name], getattr(scheduler, name)
                if old != new:
                    yield Change(f'param_schedulers.{position}.{name}', str(old), str(new))


def _follow_from_config(runner: Runner, schedulers: list[Any], meta: Mapping[str, Any]) -> bool:
    steps = meta['epoch'] if all(s.by_epoch for s in schedulers) else meta['iter']
    return (
        any(isinstance(hook, ParamSchedulerHook) for hook in runner.hooks)
        and {_package(hook) for hook in runner.hooks} <= {'mmengine', 'msvitreid'}
        and {_package(scheduler) for scheduler in schedulers} <= {'mmengine'}
        and not any(getattr(s, 'need_val_args', False) for s in schedulers)
        and len(schedulers) > 0
        and steps * len(runner.optim_wrapper.param_groups) <= MOST_STEPS
    )


def _package(component: object) -> str:
    return type(component).__module__.split('.')[0]


@contextmanager
def _left_as_they_are(wrapper: Any, schedulers: list[Any]) -> Iterator[None]:
    """A block in which schedulers may step; after it all have the values of before."""
    step = wrapper._global_step
    inner = [*wrapper.param_groups, *map(vars, schedulers)]
    before = [dict(values) for values in inner]
    # As if the optimizer had stepped, or the schedulers warn.
    wrapper._global_step = 0
    try:
        yield
    finally:
        for values, own in zip(inner, before, strict=True):
            values.clear()
            values.update(own)
        wrapper._global_step = step
