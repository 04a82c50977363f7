"""Whether a run can go on from a checkpoint.

mmengine takes over whatever state fits: with another optimizer or schedule it stops in the middle
of torch, or continues with a mixture of both; with other data or options it continues silently.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from mmengine.logging import print_log
from mmengine.optim import OptimWrapper, OptimWrapperDict
from mmengine.runner import Runner

from msvitreid.checkpoints import (
    option_differences,
    require_optimizer_state,
    require_run_state,
    require_scheduled_values,
    saved_groups,
)
from msvitreid.engine.distributed.unwrap_model import unwrap_model
from msvitreid.errors import CheckpointError
from msvitreid.utils.exchange import gather_strings
from msvitreid.utils.printable import counted, printable

from .accepted_changes import of_the_schedule
from .experiment_changes import Change, accepts, experiment_changes
from .position import iteration_change, require_within_run
from .schedule_changes import schedule_changes

#: What ``Runner.resume`` takes from a checkpoint.
PARTS = ('meta', 'message_hub', 'optimizer')


def training_types(runner: Runner) -> dict[str, Any]:
    """The types of the run's optimizer and schedulers, for a checkpoint's metadata."""
    if not _has_one_optimizer(runner):
        return {}
    schedulers = runner.param_schedulers or []
    return {
        'optimizer': type(runner.optim_wrapper.optimizer).__name__,
        'param_schedulers': [type(scheduler).__name__ for scheduler in schedulers],
    }


def require_training_state(
    runner: Runner, checkpoint: Mapping[str, Any], filename: str
) -> None:
    """Check that a checkpoint holds a training run, of as many classes as this one has.

    Raises:
        CheckpointError: it holds weights only, is incomplete, has a field of another type than a
            run writes, or is of other classes.
    """
    if 'optimizer' not in checkpoint:
        keys = checkpoint.get('state_dict', checkpoint)
        raise CheckpointError(
            f'checkpoint {filename!r} cannot be resumed: it holds weights only '
            f'({printable(str(next(iter(keys))))}, ...), not the state of a training run; resume '
            'from an epoch_N.pth, or start from these weights with --cfg-options '
            'model.pretrained=...'
        )
    lacking = [part for part in PARTS if not isinstance(checkpoint.get(part), Mapping)]
    lacking += [
        f'meta.{key}'
        for key in ('epoch', 'iter')
        if 'meta' not in lacking and key not in checkpoint['meta']
    ]
    if lacking:
        raise CheckpointError(
            f'checkpoint {filename!r} cannot be resumed: it lacks {", ".join(lacking)}; resume '
            'from an epoch_N.pth of this toolkit'
        )
    require_run_state(checkpoint, filename, one_optimizer=_has_one_optimizer(runner))
    saved = (checkpoint['meta'].get('dataset_meta') or {}).get('num_classes')
    own = getattr(runner.train_dataloader.dataset, 'metainfo', {}).get('num_classes')
    if None not in (saved, own) and saved != own:
        raise CheckpointError(
            f'checkpoint {filename!r} cannot be resumed: it was trained on {saved} classes, and '
            f'the training data have {own}; resume with the data of its run, or fine-tune it '
            "without --resume, with load_from and load_except=['head.classifiers']"
        )
    require_within_run(runner, checkpoint['meta'], filename)


def require_same_experiment(
    runner: Runner, checkpoint: Mapping[str, Any], filename: str
) -> dict[str, Change]:
    """Check that the run is the checkpoint's: its options, its data, its optimizer's state.

    Returns:
        the changes that ``accept_changes`` of the config accepts, by their names.

    Raises:
        CheckpointError: something that is not accepted differs, and all of it is in the sentence;
            or a state cannot be that of its weight.
        ConfigError: ``accept_changes`` is neither True or False nor names.
    """
    meta = checkpoint['meta']
    changes = experiment_changes(runner, meta, filename)
    accepted = {c.name: c for c in changes if accepts(runner.cfg, c.name)}
    refused = [change for change in changes if change.name not in accepted]
    if not refused and (moved := iteration_change(runner, meta)):
        # Of another batch size or other data it is the consequence.
        if accepted or accepts(runner.cfg, moved.name):
            accepted[moved.name] = moved
        else:
            refused.append(moved)
    misfits: list[str] = []
    if not refused:
        misfits += _weight_differences(runner, checkpoint, accepted)
    if not refused and not misfits and _has_one_optimizer(runner):
        misfits += _optimizer_differences(runner, checkpoint)
        if not misfits:
            require_optimizer_state(
                runner.optim_wrapper.optimizer, checkpoint['optimizer'], filename
            )
        # Where the config's hold, nothing of the checkpoint's is taken over.
        if not of_the_schedule(runner, accepted):
            misfits += _scheduler_differences(runner, checkpoint)
            if not misfits:
                others = list(_option_changes(runner, checkpoint, filename))
                # Of other options other values are the consequence.
                others = others or list(schedule_changes(runner, checkpoint))
                accepted |= {c.name: c for c in others if accepts(runner.cfg, c.name)}
                refused += [change for change in others if change.name not in accepted]
    if refused or misfits:
        accept = ', go on with the changes by --accept-changes' if refused else ''
        raise CheckpointError(
            f'checkpoint {filename!r} cannot be resumed with this config: '
            f'{", ".join([*map(str, refused), *misfits])}; resume with the config, the options '
            f'and the data of its run{accept}, or start a new run from its weights with load_from'
        )
    if _has_one_optimizer(runner):
        _warn_of_loss_scaling(runner, checkpoint, filename)
    return accepted


def _weight_differences(
    runner: Runner, checkpoint: Mapping[str, Any], accepted: Mapping[str, Change]
) -> Iterator[str]:
    """The first weight of another shape, before its momentum is found to be of another."""
    own = unwrap_model(runner).state_dict()
    for name, weight in checkpoint['state_dict'].items():
        if name in own and weight.shape != own[name].shape:
            options = [str(c) for c in accepted.values() if c.name.startswith('model.')]
            yield (
                'it does not fit the model: a weight is of another shape '
                f'({printable(name)} {tuple(weight.shape)} instead of {tuple(own[name].shape)})'
                f'{", where " + ", ".join(options) if options else ""}'
            )
            return


def _option_changes(
    runner: Runner, checkpoint: Mapping[str, Any], filename: str
) -> Iterator[Change]:
    wrapper, state = runner.optim_wrapper, checkpoint['optimizer']
    schedulers = runner.param_schedulers or []
    states = checkpoint.get('param_schedulers', [])
    require_scheduled_values(
        wrapper.param_groups, state, schedulers, states, checkpoint['meta'], filename
    )
    scaler = wrapper.state_dict().get('loss_scaler')
    for difference in option_differences(
        wrapper.param_groups, state, schedulers, states, scaler
    ):
        yield Change(*difference)


def _warn_of_loss_scaling(runner: Runner, checkpoint: Mapping[str, Any], filename: str) -> None:
    scaled, scales = ('loss_scaler' in state for state in _optimizer_states(runner, checkpoint))
    if scaled != scales:
        print_log(
            f'checkpoint {filename!r} was written {"with" if scaled else "without"} loss scaling, '
            f'and this run goes on {"with" if scales else "without"} it: is --amp as it was?',
            logger='current',
            level=logging.WARNING,
        )


def require_same_file(sha256: str) -> None:
    """Check that all processes begin with the same file; each has to call this.

    Args:
        sha256: of the file that this process is about to load; '' if it has none.

    Raises:
        CheckpointError: they begin with different ones, with which their weights would stay apart.
    """
    files = gather_strings(np.array([sha256])).tolist()
    if len(set(files)) > 1:
        loaded = ', '.join(f'{rank}: {file[:12] or "none"}' for rank, file in enumerate(files))
        raise CheckpointError(
            f'the processes would load different checkpoints (sha256 by rank: {loaded}); put '
            'the work directory where all machines see it, or copy the checkpoint to each and '
            'name it'
        )


def _has_one_optimizer(runner: Runner) -> bool:
    wrapper = runner.optim_wrapper
    return isinstance(wrapper, OptimWrapper) and not isinstance(wrapper, OptimWrapperDict)


def _optimizer_states(
    runner: Runner, checkpoint: Mapping[str, Any]
) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    return checkpoint['optimizer'], runner.optim_wrapper.state_dict()


def _optimizer_differences(runner: Runner, checkpoint: Mapping[str, Any]) -> Iterator[str]:
    own_type = training_types(runner)['optimizer']
    saved_type = checkpoint['meta'].get('optimizer', own_type)
    if saved_type != own_type:
        yield f'its optimizer is {saved_type} and the config has {own_type}'
    saved, own = (
        [_size(group) for group in saved_groups(state)]
        for state in _optimizer_states(runner, checkpoint)
    )
    if len(saved) != len(own):
        yield f'it has {counted(len(saved), "parameter group")} and the config makes {len(own)}'
        return
    for index, (count, own_count) in enumerate(zip(saved, own, strict=True)):
        if count != own_count:
            yield (
                f'its parameter group {index} has {counted(count, "weight")} and the config '
                f'makes it of {own_count}'
            )
            return


def _size(group: Mapping[str, Any]) -> int:
    """Its number of weights; 0 of the base options, whose weight is a stand-in."""
    return len(group['params']) if isinstance(group['params'], list) else 0


def _scheduler_differences(runner: Runner, checkpoint: Mapping[str, Any]) -> Iterator[str]:
    own = training_types(runner)['param_schedulers']
    number = len(checkpoint.get('param_schedulers', ()))
    saved = checkpoint['meta'].get('param_schedulers', own)
    if number != len(own):
        yield f'it has {number} param_scheduler and the config has {len(own)}'
    elif saved != own:
        yield f'its param_scheduler are {", ".join(saved)} and the config has {", ".join(own)}'
