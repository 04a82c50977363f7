import numpy as np
import pytest
import torch
from mmengine.hooks import RuntimeInfoHook

from msvitreid.engine.hooks import DeferredInfoHook
from tests.engine.tiny_run import build_runner, tiny_config


def history(market, work_dir, **hook):
    changes = {f'default_hooks.runtime_info.{key}': value for key, value in hook.items()}
    cfg = tiny_config(market, work_dir, **{'default_hooks.logger.interval': 3, **changes})
    runner = build_runner(cfg)
    runner.train()
    scalars = runner.message_hub.log_scalars
    return {name: scalars[f'train/{name}'].data[0] for name in ('loss', 'ce', 'acc', 'triplet')}


def test_every_step_is_in_the_log_as_with_mmengine(market, tmp_path):
    expected = history(market, tmp_path / 'theirs', type=RuntimeInfoHook.__name__)
    found = history(market, tmp_path / 'ours', type='DeferredInfoHook')
    assert len(expected['loss']) == 12
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-6)


def test_nothing_is_read_between_logs(market, tmp_path):
    runner = build_runner(tiny_config(market, tmp_path))
    runner._train_loop = runner.build_train_loop(runner._train_loop)
    hook = DeferredInfoHook()
    hook._interval = 3
    for step in range(3):
        hook.after_train_iter(runner, step, outputs={'loss': torch.tensor(float(step)), 'n': 7})
        known = 'train/loss' in runner.message_hub.log_scalars
        assert known == (step == 2)
    assert runner.message_hub.get_scalar('train/loss').data[0].tolist() == [0, 1, 2]
    assert runner.message_hub.get_scalar('train/n').data[0].tolist() == [7, 7, 7]


@pytest.mark.parametrize('outputs', [None, {}])
def test_a_step_without_losses(outputs, market, tmp_path):
    runner = build_runner(tiny_config(market, tmp_path))
    runner._train_loop = runner.build_train_loop(runner._train_loop)
    DeferredInfoHook().after_train_iter(runner, 0, outputs=outputs)
    assert 'train/loss' not in runner.message_hub.log_scalars
