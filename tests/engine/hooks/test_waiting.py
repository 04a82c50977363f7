"""The hooks that run in every iteration leave numbers on the device until the log is written.

The class of faults: a loss, or what the loss scaler found, read in each step.
"""

from __future__ import annotations

import logging
from types import SimpleNamespace

import pytest
import torch
from mmengine.hooks import LoggerHook
from mmengine.logging import MessageHub
from mmengine.optim import OptimWrapper

from msvitreid.engine import AmpSkipHook, DeferredInfoHook, NonFiniteLossHook
from tests.fake_device import CUDA, FakeDevice

STEPS, INTERVAL = 12, 6


class NoEvent:
    def record(self) -> None: ...

    def synchronize(self) -> None: ...


@pytest.fixture
def runner(tmp_path):
    weight = torch.zeros(1, requires_grad=True)
    wrapper = OptimWrapper(torch.optim.SGD([weight], lr=0.1))
    wrapper.loss_scaler = None
    return SimpleNamespace(
        cfg=SimpleNamespace(pretty_text=''),
        epoch=0,
        iter=0,
        train_loop=None,
        work_dir=str(tmp_path),
        optim_wrapper=wrapper,
        message_hub=MessageHub.get_instance(f'waiting-{tmp_path.parent.name}-{tmp_path.name}'),
        hooks=[LoggerHook(interval=INTERVAL)],
        logger=logging.getLogger('waiting'),
        train_dataloader=range(STEPS),
    )


def test_hooks_of_every_step(runner, monkeypatch):
    monkeypatch.setattr(torch.cuda, 'Event', NoEvent)
    skips, info, finite = AmpSkipHook(), DeferredInfoHook(), NonFiniteLossHook()
    skips.before_train(runner)
    info._interval = INTERVAL
    waits = []
    for step in range(STEPS):
        with FakeDevice() as device:
            on_device = torch.tensor([float(step), step % 4 == 0]).to(CUDA, non_blocking=True)
            # As a fused optimizer does, which cannot be had here.
            skips._note_step(SimpleNamespace(found_inf=on_device[1]), (), {})
            for hook in (finite, skips, info):
                hook.after_train_iter(runner, step, {}, {'loss': on_device[0]})
        waits.append(device.waits)
    read = 2 * ['_to_copy to the host']  # the losses, and what the scaler found
    assert waits == 2 * [[], [], [], [], [], read]
    scalars = runner.message_hub.log_scalars
    assert scalars['train/loss'].data[0].tolist() == list(range(STEPS))
    assert scalars['train/amp_skipped'].current() == 3
