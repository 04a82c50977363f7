"""Whether a run can go on from a checkpoint.

mmengine takes over whatever state fits: with another optimizer or schedule it stops in the middle
of torch, or goes on with a mixture of both; with other data or options it goes on silently.
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
    require_optimizer_state,
    require_run_state,
    require_scheduler_states,
)
from msvitreid.errors import CheckpointError
from msvitreid.utils.exchange import gather_strings
from msvitreid.utils.printable import printable

from .experiment_changes import accepts, experiment_changes

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


def require_training_state(runner: Runner, checkpoint: Mapping, filename: str) -> None:
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


def require_same_experiment(
    runner: Runner, checkpoint: Mapping, filename: str
) -> frozenset[str]:
    """Check that the run is the checkpoint's: its options, its data, its optimizer's state.

    Returns:
        the names of the changed options that ``accept_changes`` of the config accepts.

    Raises:
        CheckpointError: something that is not accepted differs, and all of it is in the sentence;
            or a state cannot be that of its weight.
        ConfigError: ``accept_changes`` is neither True or False nor names.
    """
    changes = experiment_changes(runner, checkpoint['meta'], filename)
    accepted = [change for change in changes if accepts(runner.cfg, change.name)]
    refused = [str(change) for change in changes if change not in accepted]
    misfits: list[str] = []
    if not refused and _has_one_optimizer(runner):
        misfits += _optimizer_differences(runner, checkpoint)
        # Accepted, schedules begin from the config's and take nothing from the checkpoint's.
        if not any(change.name.startswith('param_scheduler') for change in accepted):
            misfits += _scheduler_differences(runner, checkpoint)
    if refused or misfits:
        accept = ', go on with the changes by --accept-changes' if refused else ''
        raise CheckpointError(
            f'checkpoint {filename!r} cannot be resumed with this config: '
            f'{", ".join([*refused, *misfits])}; resume with the config, the options and the data '
            f'of its run{accept}, or start a new run from its weights with load_from'
        )
    if accepted:
        print_log(
            f'resumed with accepted changes: {", ".join(map(str, accepted))}',
            logger='current',
            level=logging.WARNING,
        )
    if _has_one_optimizer(runner):
        require_optimizer_state(
            runner.optim_wrapper.optimizer, checkpoint['optimizer'], filename
        )
        if not any(change.name.startswith('param_scheduler') for change in accepted):
            require_scheduler_states(
                runner.param_schedulers or [], checkpoint.get('param_schedulers', []), filename
            )
        _warn_of_loss_scaling(runner, checkpoint, filename)
    return frozenset(change.name for change in accepted)


def _warn_of_loss_scaling(runner: Runner, checkpoint: Mapping, filename: str) -> None:
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


def _optimizer_states(runner: Runner, checkpoint: Mapping) -> tuple[Mapping, Mapping]:
    return checkpoint['optimizer'], runner.optim_wrapper.state_dict()


def _optimizer_differences(runner: Runner, checkpoint: Mapping) -> Iterator[str]:
    own_type = training_types(runner)['optimizer']
    saved_type = checkpoint['meta'].get('optimizer', own_type)
    if saved_type != own_type:
        yield f'its optimizer is {saved_type} and the config has {own_type}'
    saved, own = (
        [len(group['params']) for group in state.get('param_groups', ())]
        for state in _optimizer_states(runner, checkpoint)
    )
    if len(saved) != len(own):
        yield f'it has {len(saved)} parameter groups and the config makes {len(own)}'
        return
    for index, (count, own_count) in enumerate(zip(saved, own, strict=True)):
        if count != own_count:
            yield (
                f'its parameter group {index} has {count} weights and the config makes it of '
                f'{own_count}'
            )
            return


def _scheduler_differences(runner: Runner, checkpoint: Mapping) -> Iterator[str]:
    own = training_types(runner)['param_schedulers']
    number = len(checkpoint.get('param_schedulers', ()))
    saved = checkpoint['meta'].get('param_schedulers', own)
    if number != len(own):
        yield f'it has {number} param_scheduler and the config has {len(own)}'
    elif saved != own:
        yield f'its param_scheduler are {", ".join(saved)} and the config has {", ".join(own)}'
