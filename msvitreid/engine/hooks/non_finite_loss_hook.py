from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import torch
from mmengine.dist import (
    all_gather_object,
    all_reduce,
    broadcast_object_list,
    is_main_process,
)
from mmengine.hooks import CheckpointHook, Hook
from mmengine.runner import IterBasedTrainLoop, Runner
from torch import Tensor, nn

from msvitreid.engine.distributed.unwrap_model import unwrap_model
from msvitreid.engine.resume.last_good_checkpoint import last_good_checkpoint
from msvitreid.errors import ReIDError
from msvitreid.registry import HOOKS
from msvitreid.registry.checked import checked
from msvitreid.registry.components import Count
from msvitreid.utils.files import atomic_write
from msvitreid.utils.printable import printable

FILE_NAME = 'non_finite_loss.txt'

CLIPPED = 'with clipped gradients (--cfg-options optim_wrapper.clip_grad.max_norm=5)'
SLOWER = 'with a lower optim_wrapper.optimizer.lr'


class _Step(NamedTuple):
    """A training step of this rank; ``epoch`` and ``batch`` count those before it."""

    epoch: int
    batch: int
    loss: Tensor
    bad: Tensor
    bad_is_here: torch.cuda.Event | None
    files: list[str]

    def __str__(self) -> str:
        return f'epoch {self.epoch + 1} iteration {self.batch + 1}'


@HOOKS.register_module()
@checked
class NonFiniteLossHook(Hook):
    """Stop a run whose numbers went wrong, and say where it was and what to do.

    The run stops when ``loss`` was NaN or infinite in ``patience`` steps in a row, and before a
    checkpoint is written, when a weight or a BatchNorm statistic is: no later step can repair
    these. The error names the steps and the last good checkpoint; the
    images of the steps are listed in ``non_finite_loss.txt`` in the work directory.

    Of several processes each has a loss of its own. In every step they reduce a flag, so that
    all stop after the same step, with the same error, and none waits for another.

    A step that loss scaling skips, as its gradients overflow, has a finite loss and is no
    matter here: see :class:`AmpSkipHook`.

    Args:
        patience: steps in a row.
    """

    # After what changes the net at the end of an epoch, and before the CheckpointHook.
    priority = 'LOW'

    def __init__(self, patience: Count = 3) -> None:
        self.patience = patience
        self._unread: _Step | None = None
        self._bad: list[_Step] = []
        self._interval = 0
        self._counts_iterations = False

    def before_train(self, runner: Runner) -> None:
        # A loop that counts iterations saves without the end of an epoch.
        self._counts_iterations = isinstance(runner.train_loop, IterBasedTrainLoop)
        if self._counts_iterations:
            for hook in runner.hooks:
                if isinstance(hook, CheckpointHook) and not hook.by_epoch:
                    self._interval = hook.interval

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        # A flag is read one step late: reading that of the step just taken would have the host
        # wait for the device, which then would have nothing to do until the next step begins.
        previous = self._unread
        self._unread = _take_down(runner.epoch, batch_idx, data_batch, outputs['loss'])
        if previous is not None:
            self._judge(runner, previous)
        if self._interval and self.every_n_train_iters(runner, self._interval):
            self._check_net(runner, f'iteration {runner.iter + 1}', (0, runner.iter))

    def after_train_epoch(self, runner: Runner) -> None:
        if self._counts_iterations:
            self._check_net(runner, f'iteration {runner.iter}', (0, runner.iter - 1))
        else:
            before = (runner.epoch, len(runner.train_dataloader))
            self._check_net(runner, f'epoch {runner.epoch + 1}', before)

    def _check_net(self, runner: Runner, when: str, before: tuple[int, int]) -> None:
        if self._unread is not None:
            self._judge(runner, self._unread)
            self._unread = None
        broken = _broken_tensors(unwrap_model(runner))
        if broken:
            self._stop(
                runner,
                f'the net is not finite after {when} '
                f'({len(broken)} tensors, the first is {broken[0]})',
                before=before,
            )

    def _judge(self, runner: Runner, step: _Step) -> None:
        if step.bad_is_here is not None:
            step.bad_is_here.synchronize()
        if not step.bad.item():
            self._bad.clear()
            return
        self._bad.append(step)
        runner.logger.warning(
            f'the loss is not finite in {step}; {len(self._bad)} of the {self.patience} steps in '
            'a row after which the run stops'
        )
        if len(self._bad) == self.patience:
            first = self._bad[0]
            self._stop(
                runner,
                f'the loss was not finite in {self.patience} steps in a row, {first} to {step}',
                before=(first.epoch, first.batch),
            )

    def _stop(self, runner: Runner, problem: str, before: tuple[int, int]) -> NoReturn:
        mine = [(str(step), float(step.loss), step.files) for step in self._bad]
        sentence: list[Any] = [None]
        ranks = all_gather_object(mine)
        if is_main_process():
            sentence = [_report(runner.work_dir, problem, before, ranks)]
        # The others wait for it: a rank that left at once would have the launcher end the
        # one that is still looking for the checkpoint.
        broadcast_object_list(sentence)
        raise ReIDError(sentence[0])


def _take_down(epoch: int, batch: int, data_batch: Any, loss: Tensor) -> _Step:
    loss = loss.detach().clone()
    bad = (~loss.isfinite()).float()
    all_reduce(bad, 'max')
    event = None
    if bad.is_cuda:
        bad = bad.to('cpu', non_blocking=True)
        event = torch.cuda.Event()
        event.record()
    samples = data_batch.get('data_samples') or ()
    files = [sample.get('img_path', '?') for sample in samples]
    return _Step(epoch, batch, loss, bad, event, files)


def _broken_tensors(model: nn.Module) -> list[str]:
    """Weights and BatchNorm statistics that are not finite on some rank, by name.

    Other buffers may be infinite on purpose, as the masks of some attentions are.
    """
    statistics = ('running_mean', 'running_var')
    tensors: dict[str, Tensor] = dict(model.named_parameters())
    tensors |= {n: b for n, b in model.named_buffers() if n.endswith(statistics)}
    flags = torch.stack([~tensor.detach().isfinite().all() for tensor in tensors.values()])
    bad = flags.float()
    all_reduce(bad, 'max')
    return [name for name, flag in zip(tensors, bad.tolist(), strict=True) if flag]


def _report(
    work_dir: str,
    problem: str,
    before: tuple[int, int],
    ranks: Sequence[Sequence[tuple[str, float, list[str]]]],
) -> str:
    """The error's sentence; the images are listed in a file on the way."""
    lines, files, values = [], [], []
    for steps in zip(*ranks, strict=True):
        for rank, (step, loss, of_step) in enumerate(steps):
            if not torch.tensor(loss).isfinite():
                lines += [f'# {step}, rank {rank}, loss {loss}', *of_step]
                files += of_step
                values.append(str(loss))
    images = ''
    if files:
        path = Path(work_dir) / FILE_NAME
        with atomic_write(path) as temporary:
            # Bytes, as the name of a file need not be valid text.
            temporary.write_bytes(b''.join(os.fsencode(line) + b'\n' for line in lines))
        some = ', '.join(map(printable, files[:3])) + (', ...' if files[3:] else '')
        images = (
            f'; the {len(files)} images of the steps with loss {" or ".join(sorted(set(values)))} '
            f'({some}) are listed in {path}'
        )
    good = last_good_checkpoint(work_dir, *before)
    if good is None:
        what_to_do = f'start again {SLOWER} or {CLIPPED}'
    else:
        what_to_do = (
            f'resume from that checkpoint by --resume --accept-changes {SLOWER} or {CLIPPED}'
        )
    return (
        f'{problem}{images}; last good checkpoint: {good or "none"}; look at the images, and '
        f'{what_to_do}'
    )
