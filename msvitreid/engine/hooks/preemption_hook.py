from __future__ import annotations

import sys
from typing import Any

import torch
from mmengine.dist import is_distributed, is_main_process
from mmengine.hooks import Hook
from mmengine.runner import IterBasedTrainLoop, Runner
from torch import distributed

from msvitreid.checkpoints.checkpoint_names import (
    checkpoint_name,
    iteration_name,
    remove_overtaken,
)
from msvitreid.engine.distributed.gloo import group_timeout
from msvitreid.engine.loops.train_loop import ResumableTrainLoop
from msvitreid.errors import PREEMPTED, CheckpointError
from msvitreid.registry import HOOKS


@HOOKS.register_module()
class PreemptionHook(Hook):
    """On SIGTERM, finish the training step, save, and exit with code 75.

    Clusters send SIGTERM before they take a machine away. The checkpoint
    ``epoch_E_batch_B.pth``, of E whole epochs and B batches of the next one, holds all that
    is needed to go on; it is removed when a later epoch's is there. All ranks stop after the
    same step. Between training epochs nothing needs to be finished, and the run saves and
    exits at the next batch; after the last one it only exits. A run that counts iterations
    saves ``iter_N.pth``.
    """

    # After everything that a step or an epoch changes, the CheckpointHook's files included.
    priority = 'LOWEST'

    def __init__(self) -> None:
        self._group: Any = None

    def before_train(self, runner: Runner) -> None:
        if is_distributed():
            # Asking each other must not synchronize the devices.
            timeout = group_timeout(runner.cfg.get('env_cfg', {}))
            self._group = distributed.new_group(timeout=timeout, backend='gloo')

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        by_step = _counts_iterations(runner)
        batches = runner.max_iters if by_step else len(runner.train_dataloader)
        # At the last batch the end of the epoch is awaited; gradients of an unfinished
        # window of accumulation are in no checkpoint.
        if batch_idx + 1 == batches or not runner.optim_wrapper.should_update():
            return
        if self._any_rank_is_asked(runner):
            if by_step:
                self._save(runner, {'epoch': runner.epoch, 'iter': runner.iter + 1})
                self._exit_together(runner)
            if not isinstance(runner.train_loop, ResumableTrainLoop):
                runner.logger.info(
                    'SIGTERM: this train loop cannot be resumed within an epoch; go on from '
                    'the last checkpoint with --resume'
                )
                self._exit_together(runner)
            position = {'batch': batch_idx + 1, 'batches': batches}
            self._save(runner, {'epoch': runner.epoch, 'iter': runner.iter + 1, **position})
            self._exit_together(runner)

    def after_train_epoch(self, runner: Runner) -> None:
        if is_main_process():
            remove_overtaken(runner.work_dir)
        if self._any_rank_is_asked(runner):
            self._save(runner, {'epoch': runner.epoch + 1, 'iter': runner.iter})
            self._exit_together(runner)

    def after_val_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        if _is_asked(runner):
            # After the last epoch, which is always saved, the weights may be the average.
            if not _is_complete(runner):
                self._save(runner, {'epoch': runner.epoch, 'iter': runner.iter})
            self._exit(runner)

    def after_bn_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        if _is_asked(runner):
            self._exit(runner)

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        meta = checkpoint.get('meta', {})
        if not runner._resume or 'batch' not in meta:
            return
        batches = len(runner.train_dataloader)
        if meta['batches'] != batches:
            raise CheckpointError(
                f'the checkpoint lies in the middle of an epoch of {meta["batches"]} batches, '
                f'but an epoch has {batches} now; resume with the batch size and the number of '
                f'processes of the interrupted run, or from the whole epoch before it: --resume '
                f'{runner.work_dir}/{checkpoint_name(meta["epoch"])}'
            )
        runner.train_loop.start = meta['batch']

    def _any_rank_is_asked(self, runner: Runner) -> bool:
        if self._group is None:
            return _is_asked(runner)
        asked = torch.tensor(int(_is_asked(runner)))
        distributed.all_reduce(asked, distributed.ReduceOp.MAX, self._group)
        return bool(asked)

    def _save(self, runner: Runner, meta: dict[str, Any]) -> None:
        if _counts_iterations(runner):
            name = iteration_name(meta['iter'])
        else:
            name = checkpoint_name(meta['epoch'], meta.get('batch', 0))
        runner.call_hook('before_interruption')
        # Also where there is one: it may be of an earlier run in the same work directory.
        runner.save_checkpoint(runner.work_dir, name, meta=meta)
        runner.logger.info(f'SIGTERM: {name} holds the run so far; go on with --resume')

    def _exit_together(self, runner: Runner) -> None:
        if self._group is not None:
            # A launcher may kill the rank that is still saving when another has left.
            distributed.barrier(self._group)
        self._exit(runner)

    @staticmethod
    def _exit(runner: Runner) -> None:
        runner.logger.info(f'SIGTERM: exiting with code {PREEMPTED}')
        sys.exit(PREEMPTED)


def _is_asked(runner: Runner) -> bool:
    # A runner of mmengine's does not catch the signal.
    return getattr(getattr(runner, 'stop_request', None), 'asked', False)


def _counts_iterations(runner: Runner) -> bool:
    return isinstance(runner.train_loop, IterBasedTrainLoop)


def _is_complete(runner: Runner) -> bool:
    if _counts_iterations(runner):
        return runner.iter >= runner.max_iters
    return runner.epoch >= runner.max_epochs
