from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from mmengine.dist import master_only
from mmengine.hooks import CheckpointHook, EarlyStoppingHook, EMAHook, Hook, ParamSchedulerHook
from mmengine.runner import IterBasedTrainLoop, Runner
from torch import Tensor, nn

from msvitreid.checkpoints import write_checkpoint
from msvitreid.checkpoints.checkpoint_names import is_result_name
from msvitreid.engine.distributed.unwrap_model import unwrap_model
from msvitreid.engine.loops.bn_statistics import reestimate_bn
from msvitreid.errors import CheckpointError, ConfigError
from msvitreid.registry import HOOKS
from msvitreid.registry.checked import checked
from msvitreid.registry.components import Count
from msvitreid.utils.printable import counted

#: What goes before the names of the averaged net's figures.
AVERAGED = 'averaged/'

#: Hooks that decide about epochs by validation figures, of which the averaged net's are none.
DECIDING = (CheckpointHook, EarlyStoppingHook, ParamSchedulerHook)


@HOOKS.register_module()
@checked
class WeightAverageHook(Hook):
    """Uniform average of the weights at the ends of the last epochs.

    One running copy holds the exact mean of all snapshots since epoch ``begin``; it is part
    of every checkpoint, so an interrupted run continues with it. After the last epoch the
    model takes the average, its BatchNorm statistics are re-estimated over one training
    epoch, the result is written to ``filename`` in the work directory and validated, and
    stays in the runner's model. A run that stops early averages the snapshots that there are;
    one that stops before epoch ``begin`` ends with a warning and without an average.

    Figures of the averaged net have names of their own (``averaged/mAP``) and do not count for
    ``save_best``, early stopping and the like, which choose among epochs.

    Args:
        begin: first epoch (1-based) whose end is a snapshot.
        filename: of the averaged net's checkpoint, in the work directory.

    Raises:
        ConfigError: ``filename`` is no name of its own, ``begin`` is no epoch of the run, the run
            is counted in iterations, or an ``EMAHook`` averages too; before the first step.
        CheckpointError: the checkpoint to resume from averages other epochs.

    Source: the published training command's "EMA", which is a uniform average.
    """

    # Before the CheckpointHook, whose files must hold the epoch's snapshot already.
    priority = 'NORMAL'
    # Left out of a test.
    only_trains = True

    def __init__(self, begin: Count, filename: str = 'averaged.pth') -> None:
        if not is_result_name(filename, '.pth'):
            raise ConfigError(
                'WeightAverageHook filename must be a name such as averaged.pth that no '
                f'checkpoint of the run has, got {filename!r}'
            )
        self.begin = begin
        self.filename = filename
        self.count = 0
        self.average: dict[str, Tensor] = {}

    def averaging(self, runner: Runner) -> str:
        """What it averages, in the summary of a run's start."""
        epochs = f'epochs {self.begin} to {runner.max_epochs}'
        return f'uniform mean of the weights after {epochs}, to {self.filename}'

    def before_train(self, runner: Runner) -> None:
        if isinstance(runner.train_loop, IterBasedTrainLoop):
            raise ConfigError(
                'WeightAverageHook averages the ends of epochs, and train_cfg counts iterations; '
                'set by_epoch=True, or leave the hook out of custom_hooks'
            )
        if any(isinstance(hook, EMAHook) for hook in runner.hooks):
            raise ConfigError(
                'WeightAverageHook and EMAHook would both average the weights; leave one of '
                'them out of custom_hooks'
            )
        if self.begin > runner.max_epochs:
            raise ConfigError(
                f'WeightAverageHook begin {self.begin} lies after the last epoch '
                f'{runner.max_epochs}; lower it, as by --cfg-options custom_hooks.0.begin='
                f'{runner.max_epochs}, or raise train_cfg.max_epochs'
            )
        expected = max(0, runner.epoch - self.begin + 1)
        if not expected and 'WeightAverageHook.begin' in getattr(
            runner, 'accepted_changes', ()
        ):
            self.count, self.average = 0, {}
        if self.count != expected:
            raise CheckpointError(
                f'the checkpoint of epoch {runner.epoch} averages {counted(self.count, "epoch")} '
                f'where WeightAverageHook with begin {self.begin} would by then average '
                f'{expected}; resume with the begin of the interrupted run, or from an earlier '
                'checkpoint'
            )

    def after_train_epoch(self, runner: Runner) -> None:
        if runner.epoch + 1 >= self.begin:
            self.update(unwrap_model(runner))

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        """Add the model's weights as one more snapshot to the running mean."""
        self.count += 1
        for name, weight in model.named_parameters():
            if name in self.average:
                self.average[name].lerp_(weight, 1 / self.count)
            else:
                self.average[name] = weight.detach().clone()

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        if self.count:
            checkpoint['weight_average'] = {
                'count': self.count,
                'average': {name: mean.cpu() for name, mean in self.average.items()},
            }

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        state = checkpoint.get('weight_average')
        # A run that only starts from these weights has an average of its own.
        if state is None or not runner._resume:
            return
        own = dict(unwrap_model(runner).named_parameters())
        if {n: w.shape for n, w in state['average'].items()} != {
            n: w.shape for n, w in own.items()
        }:
            raise CheckpointError(
                "the checkpoint's weight average belongs to another model than the config's; "
                'resume with the config of the interrupted run'
            )
        self.count = state['count']
        self.average = {
            name: mean.to(own[name].device) for name, mean in state['average'].items()
        }

    def after_train(self, runner: Runner) -> None:
        if not self.count:
            runner.logger.warning(
                f'training ended after epoch {runner.epoch}, before WeightAverageHook begin '
                f'{self.begin}: there is no average, and the last epoch is the result'
            )
            return
        model = unwrap_model(runner)
        with torch.no_grad():
            for name, weight in model.named_parameters():
                weight.copy_(self.average[name])
        runner.logger.info(
            f'averaged the weights of {counted(self.count, "epoch")}; re-estimating BatchNorm '
            'statistics over one training epoch'
        )
        reestimate_bn(runner)
        self._save(runner, model)
        if runner.val_loop is not None:
            self._validate(runner)

    @staticmethod
    def _validate(runner: Runner) -> None:
        metrics = runner.val_evaluator.metrics
        prefixes = [metric.prefix for metric in metrics]
        for metric in metrics:
            metric.prefix = AVERAGED + metric.prefix if metric.prefix else AVERAGED[:-1]
        with _without_hooks(runner, DECIDING):
            runner.val_loop.run()
        for metric, prefix in zip(metrics, prefixes, strict=True):
            metric.prefix = prefix

    @master_only
    def _save(self, runner: Runner, model: nn.Module) -> None:
        meta = {'epoch': runner.epoch, 'iter': runner.iter, 'averaged_epochs': self.count}
        path = Path(runner.work_dir) / self.filename
        write_checkpoint({'meta': meta, 'state_dict': model.state_dict()}, path)
        runner.logger.info(f'wrote the averaged net to {path}')


@contextmanager
def _without_hooks(runner: Runner, kinds: tuple[type[Hook], ...]) -> Iterator[None]:
    hooks = runner._hooks
    runner._hooks = [hook for hook in hooks if not isinstance(hook, kinds)]
    try:
        yield
    finally:
        runner._hooks = hooks
