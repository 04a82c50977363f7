"""What the hooks that watch the numbers do on a CUDA device; skipped without one."""

import logging
from types import SimpleNamespace

import pytest
import torch
from mmengine.logging import MessageHub
from mmengine.optim import AmpOptimWrapper

from msvitreid.engine import AmpSkipHook, NonFiniteLossHook
from msvitreid.errors import ReIDError

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a CUDA device'),
]


@pytest.mark.parametrize('fused', [False, True])
def test_overflows_are_counted_and_no_loss_is_blamed(tmp_path, fused):
    """Gradients of 1e4 overflow float32 until the scale has fallen from 2**120 to 2**114."""
    weight = torch.zeros(1, device='cuda', requires_grad=True)
    optimizer = torch.optim.SGD([weight], lr=1e-9, fused=fused)
    wrapper = AmpOptimWrapper(optimizer=optimizer, loss_scale=dict(init_scale=2.0**120))
    runner = SimpleNamespace(
        epoch=0,
        work_dir=str(tmp_path),
        optim_wrapper=wrapper,
        message_hub=MessageHub.get_instance(f'gpu{fused}'),
        hooks=[],
        logger=logging.getLogger('gpu'),
        train_dataloader=range(10),
    )
    skips, losses = AmpSkipHook(), NonFiniteLossHook(patience=1)
    skips.before_train(runner)
    for step in range(10):
        loss = (weight * 1e4).sum()
        wrapper.update_params(loss)
        skips.after_train_iter(runner, step)
        losses.after_train_iter(runner, step, {}, {'loss': loss})
    skipped = runner.message_hub.get_scalar('train/amp_skipped').data[0].tolist()
    assert skipped == [1, 2, 3, 4, 5, 6, 6, 6, 6, 6]


def test_the_loss_is_watched_without_waiting_for_the_device(tmp_path):
    runner = SimpleNamespace(epoch=0, work_dir=str(tmp_path), logger=logging.getLogger('gpu'))
    hook = NonFiniteLossHook(patience=2)
    values = torch.tensor([1.0, float('nan'), 1.0, float('nan'), float('nan'), 1.0]).cuda()
    torch.cuda.set_sync_debug_mode('error')
    try:
        for step in range(5):
            hook.after_train_iter(runner, step, {}, {'loss': values[step]})
    finally:
        torch.cuda.set_sync_debug_mode('default')
    with pytest.raises(ReIDError, match='1 iteration 4 to epoch 1 iteration 5'):
        hook.after_train_iter(runner, 5, {}, {'loss': values[5]})
