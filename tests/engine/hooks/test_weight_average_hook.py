from pathlib import Path

import pytest
import torch

from msvitreid.engine import WeightAverageHook
from msvitreid.errors import CheckpointError, ConfigError
from tests.engine.tiny_run import build_runner, tiny_config

BUFFERS = ('running_mean', 'running_var', 'num_batches_tracked')


def weights(path):
    return torch.load(path, weights_only=True)['state_dict']


def mean_by_hand(work_dir: Path, epochs):
    snapshots = [weights(work_dir / f'epoch_{e}.pth') for e in epochs]
    return {
        name: torch.stack([s[name].double() for s in snapshots]).mean(dim=0)
        for name in snapshots[0]
        if not name.endswith(BUFFERS)
    }


def assert_is_mean(averaged, expected):
    for name, value in expected.items():
        torch.testing.assert_close(averaged[name].double(), value, rtol=1e-6, atol=1e-7)


def test_average_equals_the_mean_of_the_saved_checkpoints(market, tmp_path):
    cfg = tiny_config(market, tmp_path / 'whole', **{'train_cfg.max_epochs': 4})
    runner = build_runner(cfg)
    runner.train()
    averaged = weights(tmp_path / 'whole' / 'averaged.pth')
    assert_is_mean(averaged, mean_by_hand(tmp_path / 'whole', (2, 3, 4)))
    # The result stays in the runner's model.
    assert all(torch.equal(averaged[n], w) for n, w in runner.model.state_dict().items())
    meta = torch.load(tmp_path / 'whole' / 'averaged.pth', weights_only=True)['meta']
    assert meta['averaged_epochs'] == 3


def test_average_survives_an_interruption_inside_the_window(market, tmp_path):
    work_dir = tmp_path / 'resumed'
    # The first run ends after epoch 3 of 4: two snapshots are taken, one is to come.
    build_runner(tiny_config(market, work_dir, **{'train_cfg.max_epochs': 3})).train()
    (work_dir / 'averaged.pth').unlink()
    cfg = tiny_config(market, work_dir, **{'train_cfg.max_epochs': 4, 'resume': True})
    cfg.experiment_name += '_again'
    runner = build_runner(cfg)
    runner.train()
    assert runner.epoch == 4
    averaged = weights(work_dir / 'averaged.pth')
    assert_is_mean(averaged, mean_by_hand(work_dir, (2, 3, 4)))


def test_the_running_mean_is_one_copy():
    hook = WeightAverageHook(begin=1)
    model = torch.nn.Linear(3, 2)
    total = torch.zeros(2, 3, dtype=torch.float64)
    for step in range(41):
        torch.nn.init.normal_(model.weight, mean=step)
        total += model.weight.detach().double()
        hook.update(model)
    assert set(hook.average) == {'weight', 'bias'}
    torch.testing.assert_close(hook.average['weight'].double(), total / 41, rtol=1e-6, atol=0)


def test_the_averaged_net_is_validated(market, tmp_path):
    runner = build_runner(tiny_config(market, tmp_path / 'val', **{'train_cfg.max_epochs': 2}))
    seen = []
    run = runner.val_loop.run
    runner.val_loop.run = lambda: seen.append(run()) or seen[-1]
    runner.train()
    # The last epoch, then the averaged net.
    assert len(seen) == 2
    assert 0 <= seen[1]['mAP'] <= 1


def test_a_window_after_the_end_is_refused(market, tmp_path):
    cfg = tiny_config(
        market, tmp_path / 'late', custom_hooks=[dict(type='WeightAverageHook', begin=9)]
    )
    with pytest.raises(ConfigError, match='begin 9 lies after the last epoch 3'):
        build_runner(cfg).train()


def test_begin_is_an_epoch():
    with pytest.raises(ConfigError, match='from 1 on, got 0'):
        WeightAverageHook(begin=0)


def test_the_average_of_another_model_is_refused(market, tmp_path):
    runner = build_runner(tiny_config(market, tmp_path / 'other'))
    hook = WeightAverageHook(begin=1)
    state = {'count': 1, 'average': {'weight': torch.zeros(1)}}
    with pytest.raises(CheckpointError, match='belongs to another model'):
        hook.after_load_checkpoint(runner, {'weight_average': state})
