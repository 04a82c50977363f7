"""Optimizer and schedules of a resumed run whose options were changed on purpose."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from mmengine.optim import OptimWrapperDict, _ParamScheduler
from mmengine.runner import Runner

from msvitreid.checkpoints.training_options import IMPLEMENTATION, SCALER_OPTIONS
from msvitreid.errors import CheckpointError

#: The change that other numbers of batches in an epoch bring: how many lie behind.
ITERATION = 'meta.iter'

#: The parts of an experiment that set learning rates and the like.
OF_THE_SCHEDULE = (
    'optim_wrapper',
    'param_scheduler',
    'auto_scale_lr',
    'train_cfg.max_epochs',
    'train_cfg.max_iters',
    'train_dataloader.batch_size',
    'processes',
    # What a checkpoint's optimizer and schedulers hold themselves.
    'optimizer',
)


class StatedSchedule:
    """What the config makes of parameter groups and schedulers, before a checkpoint is loaded.

    A checkpoint's optimizer brings its own learning rate, weight decay and so on, and its
    schedulers their own length. :meth:`restore` puts those of the config in their place, as if
    the run had had them from its beginning: all options of the groups (``lr``, ``momentum``,
    ``weight_decay``) are the config's. What the optimizer has accumulated, as momentum buffers,
    stays the checkpoint's. How torch computes a step (``foreach`` and so on) is always the
    config's.

    Args:
        runner: with its optimizer and schedulers built, and no step taken.
    """

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._groups = [
            [_without_weights(group) for group in wrapper.param_groups]
            for wrapper, _ in _optimizers(runner)
        ]
        self._scalers = [_scaler_state(wrapper) for wrapper, _ in _optimizers(runner)]
        self._schedulers = [
            [dict(vars(scheduler)) for scheduler in schedulers]
            for _, schedulers in _optimizers(runner)
        ]

    def restore(self, meta: Mapping[str, Any], accepted: Collection[str]) -> None:
        """Take the config's values, where the accepted changes are among them.

        Args:
            meta: the checkpoint's metadata, which say how far it got.
            accepted: names of changed options, :data:`ITERATION` included.

        Raises:
            CheckpointError: a scheduler depends on validation figures, so that what it would
                have done is not known.
        """
        for (wrapper, _), groups in zip(_optimizers(self._runner), self._groups, strict=True):
            for group, stated in zip(wrapper.param_groups, groups, strict=True):
                group.update({n: stated[n] for n in IMPLEMENTATION if n in stated})
        changed = of_the_schedule(self._runner, accepted)
        if not changed:
            return
        rows = zip(
            _optimizers(self._runner),
            self._groups,
            self._schedulers,
            self._scalers,
            strict=True,
        )
        for (wrapper, schedulers), groups, states, scaler in rows:
            for scheduler in schedulers:
                if getattr(scheduler, 'need_val_args', False):
                    raise CheckpointError(
                        f'{type(scheduler).__name__} follows validation figures, so that '
                        f'{", ".join(sorted(changed))} cannot change in a resumed run; start a '
                        'new run from the weights with load_from'
                    )
            for group, stated in zip(wrapper.param_groups, groups, strict=True):
                weights = group.get('params')
                group.clear()
                group.update(stated)
                if weights is not None:
                    group['params'] = weights
            for scheduler, state in zip(schedulers, states, strict=True):
                # The checkpoint's may have been of another type.
                vars(scheduler).clear()
                vars(scheduler).update(state)
            if scaler:
                current = wrapper.loss_scaler.state_dict()
                options = {name: scaler[name] for name in SCALER_OPTIONS}
                wrapper.loss_scaler.load_state_dict({**current, **options})
            # As if the optimizer had stepped, or the schedulers warn.
            wrapper._global_step = 0
            replay(schedulers, meta)


def of_the_schedule(runner: Runner, accepted: Collection[str]) -> list[str]:
    """Those of the accepted changes with which groups and schedulers are the config's."""
    names = [name for name in accepted if name.startswith(OF_THE_SCHEDULE)]
    by_step = any(not s.by_epoch for _, schedulers in _optimizers(runner) for s in schedulers)
    return names + [ITERATION] * (by_step and ITERATION in accepted)


def replay(schedulers: list[_ParamScheduler], meta: Mapping[str, Any]) -> None:
    """Step schedulers as often as the checkpoint's run had, in a run's order."""
    epochs, steps = meta['epoch'], meta['iter']
    by_step = [scheduler for scheduler in schedulers if not scheduler.by_epoch]
    by_epoch = [scheduler for scheduler in schedulers if scheduler.by_epoch]
    per_epoch = (steps - meta.get('batch', 0)) // epochs if epochs else 0
    for _ in range(epochs):
        _step(by_step, per_epoch)
        _step(by_epoch, 1)
    _step(by_step, steps - epochs * per_epoch)


def _step(schedulers: list[_ParamScheduler], times: int) -> None:
    for _ in range(times if schedulers else 0):
        for scheduler in schedulers:
            scheduler.step()


def _scaler_state(wrapper: Any) -> dict[str, Any]:
    scaler = getattr(wrapper, 'loss_scaler', None)
    return {} if scaler is None else scaler.state_dict()


def _without_weights(group: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in group.items() if key != 'params'}


def _optimizers(runner: Runner) -> Iterator[tuple[Any, list[_ParamScheduler]]]:
    """Every optimizer's wrapper with its schedulers."""
    wrapper, schedulers = runner.optim_wrapper, runner.param_schedulers or []
    if not isinstance(wrapper, OptimWrapperDict):
        yield wrapper, list(schedulers)
        return
    for name, single in wrapper.items():
        own = schedulers.get(name, []) if isinstance(schedulers, dict) else []
        yield single, list(own)
