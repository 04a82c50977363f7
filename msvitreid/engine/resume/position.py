"""How far the run of a checkpoint was, compared with the length of the run that resumes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmengine.runner import EpochBasedTrainLoop, Runner

from msvitreid.errors import CheckpointError

from .accepted_changes import ITERATION
from .experiment_changes import SEED, Change


def require_within_run(runner: Runner, meta: Mapping[str, Any], filename: str) -> None:
    """Check that a checkpoint lies before the end of the run."""
    by_epoch = isinstance(runner.train_loop, EpochBasedTrainLoop)
    for key, last, option in (
        ('epoch', runner.max_epochs, 'max_epochs'),
        # That of a run in epochs follows from the epoch: see iteration_change.
        ('iter', None if by_epoch else runner.max_iters, 'max_iters'),
    ):
        if last is not None and meta[key] > last:
            raise CheckpointError(
                f'checkpoint {filename!r} has meta.{key} {meta[key]}, which is after the last '
                f'one, train_cfg.{option}={last}; resume with the options of its run'
            )


def _iteration_at(runner: Runner, meta: Mapping[str, Any]) -> int:
    """How many batches lie behind where all epochs have as many as now."""
    return meta['epoch'] * len(runner.train_dataloader) + meta.get('batch', 0)


def iteration_change(runner: Runner, meta: Mapping[str, Any]) -> Change | None:
    """Where ``meta.iter`` is not what follows from whole epochs and the batches after them.

    It is not after the number of batches in an epoch has changed, with the batch size or the data.
    A run that counts iterations has no epochs to compare with.
    """
    if not isinstance(runner.train_loop, EpochBasedTrainLoop):
        return None
    expected = _iteration_at(runner, meta)
    same = meta['iter'] == expected
    return None if same else Change(ITERATION, str(meta['iter']), str(expected))


def take_accepted(runner: Runner, meta: dict[str, Any], accepted: Mapping[str, Change]) -> None:
    """Put the accepted seed and iteration into a checkpoint's metadata, which the run takes over.

    Options of optimizer and schedule are :class:`~.accepted_changes.StatedSchedule`'s.
    """
    if ITERATION in accepted:
        meta['iter'] = _iteration_at(runner, meta)
    if SEED in accepted:
        meta['seed'] = runner.seed
