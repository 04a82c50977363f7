import logging
from types import SimpleNamespace

import pytest
import torch
from mmengine.hooks import LoggerHook
from mmengine.logging import MessageHub
from mmengine.optim import OptimWrapper
from mmengine.registry import OPTIM_WRAPPERS

from msvitreid.engine import AmpSkipHook
from tests.engine.tiny_run import build_runner, tiny_config


@OPTIM_WRAPPERS.register_module(force=True)
class CPUAmpOptimWrapper(OptimWrapper):
    """mmengine's ``AmpOptimWrapper``, which needs a GPU, with torch's loss scaler on the CPU.

    Gradients overflow in some of its steps, counted from 0.
    """

    def __init__(self, overflows=(), **options):
        super().__init__(**options)
        self.loss_scaler = torch.amp.GradScaler('cpu')
        self.overflows = overflows
        self.steps = 0

    def backward(self, loss, **options):
        self.loss_scaler.scale(loss).backward(**options)
        self._inner_count += 1

    def step(self, **options):
        if self.steps in self.overflows:
            self.optimizer.param_groups[0]['params'][-1].grad.fill_(float('inf'))
        self.steps += 1
        self.loss_scaler.step(self.optimizer, **options)
        self.loss_scaler.update()


def train(market, work_dir, **changes):
    cfg = tiny_config(market, work_dir, **{'train_cfg.max_epochs': 2, **changes})
    cfg.custom_hooks = [dict(type='AmpSkipHook')]
    for key in ('val_dataloader', 'val_cfg', 'val_evaluator'):
        cfg[key] = None
    runner = build_runner(cfg)
    messages = []
    runner.logger.info = messages.append
    runner.train()
    return runner, messages


def counts(runner):
    return runner.message_hub.get_scalar('train/amp_skipped').data[0].tolist()


@pytest.mark.parametrize('fused', [False, True])
def test_skipped_steps_are_counted(market, tmp_path, fused):
    # Not in the first: torch 2.14's fused SGD then continues from a momentum it never set.
    wrapper = {'type': 'CPUAmpOptimWrapper', 'overflows': (1, 2, 3, 7)}
    changes = {'optim_wrapper': wrapper, 'optim_wrapper.optimizer.fused': fused}
    runner, messages = train(market, tmp_path / f'fused{fused}', **changes)
    assert counts(runner) == [0, 1, 2, 3, 3, 3, 3, 4]
    assert all(weight.isfinite().all() for weight in runner.model.parameters())
    (last,) = [line for line in messages if 'Epoch(train) [2][4/4]' in line]
    assert 'amp_skipped: 4' in last


def test_accumulated_batches_are_one_step(market, tmp_path):
    wrapper = {'type': 'CPUAmpOptimWrapper', 'overflows': (1, 2), 'accumulative_counts': 3}
    runner, _ = train(market, tmp_path / 'accumulated', optim_wrapper=wrapper)
    # Steps come after batches 3 and 4 of the epochs' 4: the last window is cut.
    assert counts(runner) == [0, 0, 0, 1, 1, 1, 2, 2]


def test_the_count_is_read_when_the_log_is_written(market, tmp_path):
    wrapper = {'type': 'CPUAmpOptimWrapper', 'overflows': (0, 2, 3, 7)}
    changes = {'optim_wrapper': wrapper, 'default_hooks.logger.interval': 3}
    runner, _ = train(market, tmp_path / 'interval', **changes)
    assert counts(runner) == [2, 3, 3, 4]


def test_a_resumed_run_goes_on_counting(market, tmp_path):
    wrapper = {'type': 'CPUAmpOptimWrapper', 'overflows': (0, 1)}
    work_dir = tmp_path / 'resumed'
    train(market, work_dir, optim_wrapper=wrapper, **{'train_cfg.max_epochs': 1})
    changes = {'resume': True, 'accept_changes': True, 'experiment_name': 'resumed_again'}
    runner, _ = train(market, work_dir, optim_wrapper=wrapper, **changes)
    assert counts(runner) == [1, 2, 2, 2, 3, 4, 4, 4]


def test_without_loss_scaling_nothing_is_logged(market, tmp_path):
    runner, messages = train(market, tmp_path / 'plain')
    assert 'train/amp_skipped' not in runner.message_hub.log_scalars
    assert not any('amp_skipped' in line for line in messages)


def warnings_of(overflows, caplog):
    """The warnings of 200 steps, in epochs of 50."""
    weight = torch.zeros(1, requires_grad=True)
    optimizer = torch.optim.SGD([weight], lr=0.1)
    wrapper = CPUAmpOptimWrapper(optimizer=optimizer, overflows=overflows)
    runner = SimpleNamespace(
        optim_wrapper=wrapper,
        message_hub=MessageHub.get_instance(f'overflows{len(overflows)}'),
        hooks=[LoggerHook(interval=50)],
        logger=logging.getLogger('amp'),
        train_dataloader=range(50),
    )
    hook = AmpSkipHook()
    hook.before_train(runner)
    with caplog.at_level(logging.WARNING, 'amp'):
        for step in range(200):
            wrapper.update_params(weight.sum())
            hook.after_train_iter(runner, step % 50)
    return [record.getMessage() for record in caplog.records]


def test_more_than_half_skipped_is_a_warning(caplog):
    after_100, after_150 = warnings_of(set(range(40, 120)), caplog)
    assert 'skipped 60 of the last 100 optimizer steps' in after_100
    assert 'bfloat16' in after_100
    assert 'skipped 70 of the last 100' in after_150


def test_half_is_none(caplog):
    assert warnings_of(set(range(0, 200, 2)), caplog) == []
