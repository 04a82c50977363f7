from pathlib import Path

import pytest
import torch
from mmengine.hooks import Hook

from msvitreid.engine import WeightAverageHook
from msvitreid.errors import CheckpointError, ConfigError
from msvitreid.registry import HOOKS
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


@HOOKS.register_module(force=True)
class StopInEpochFour(Hook):
    """Kills the run in the middle of the second epoch of the averaging window."""

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        if runner.epoch == 3 and batch_idx == 1:
            raise KeyboardInterrupt


def test_average_survives_an_interruption_inside_the_window(market, tmp_path):
    work_dir = tmp_path / 'resumed'
    four = {'train_cfg.max_epochs': 4}
    cfg = tiny_config(market, work_dir, **four)
    cfg.custom_hooks.append(dict(type='StopInEpochFour'))
    with pytest.raises(KeyboardInterrupt):
        build_runner(cfg).train()
    assert not (work_dir / 'averaged.pth').exists()

    cfg = tiny_config(market, work_dir, **four, resume=True)
    cfg.experiment_name += '_again'
    runner = build_runner(cfg)
    runner.train()
    averaged = torch.load(work_dir / 'averaged.pth', weights_only=True)
    assert averaged['meta']['averaged_epochs'] == 3
    assert_is_mean(averaged['state_dict'], mean_by_hand(work_dir, (2, 3, 4)))

    # Without workers the resumed run ends with the very weights of an undisturbed one.
    build_runner(tiny_config(market, tmp_path / 'undisturbed', **four)).train()
    undisturbed = weights(tmp_path / 'undisturbed' / 'averaged.pth')
    assert all(torch.equal(w, averaged['state_dict'][n]) for n, w in undisturbed.items())


def test_starting_from_a_runs_weights_does_not_take_its_average(market, tmp_path):
    build_runner(tiny_config(market, tmp_path / 'first')).train()
    start = str(tmp_path / 'first' / 'epoch_3.pth')
    build_runner(tiny_config(market, tmp_path / 'second', load_from=start)).train()
    averaged = torch.load(tmp_path / 'second' / 'averaged.pth', weights_only=True)
    assert averaged['meta']['averaged_epochs'] == 2


def test_resuming_with_an_earlier_begin_is_refused(market, tmp_path):
    work_dir = tmp_path / 'begin'
    build_runner(tiny_config(market, work_dir, **{'train_cfg.max_epochs': 2})).train()
    cfg = tiny_config(market, work_dir, resume=True)
    cfg.custom_hooks[0].begin = 1
    cfg.accept_changes = True
    cfg.experiment_name += '_again'
    with pytest.raises(CheckpointError, match=r'averages 1 .* begin 1 .* average 2'):
        build_runner(cfg).train()


def test_the_running_mean_is_one_copy():
    hook = WeightAverageHook(begin=1)
    model = torch.nn.Linear(3, 2)
    total = torch.zeros(2, 3, dtype=torch.float64)
    for step in range(41):
        torch.nn.init.normal_(model.weight, mean=step)
        total += model.weight.detach().double()
        hook.update(model)
    numbers = sum(tensor.numel() for tensor in hook.average.values())
    assert numbers == sum(weight.numel() for weight in model.parameters())
    torch.testing.assert_close(hook.average['weight'].double(), total / 41, rtol=1e-6, atol=0)


def test_the_averaged_net_is_validated(market, tmp_path):
    runner = build_runner(tiny_config(market, tmp_path / 'val', **{'train_cfg.max_epochs': 2}))
    seen = []
    run = runner.val_loop.run
    runner.val_loop.run = lambda: seen.append(run()) or seen[-1]
    runner.train()
    # The last epoch, then the averaged net.
    assert len(seen) == 2
    assert 0 <= seen[0]['mAP'] <= 1
    assert 0 <= seen[1]['averaged/mAP'] <= 1


def test_a_window_after_the_end_is_refused(market, tmp_path):
    cfg = tiny_config(
        market, tmp_path / 'late', custom_hooks=[dict(type='WeightAverageHook', begin=9)]
    )
    with pytest.raises(ConfigError, match=r'begin 9 .*custom_hooks\.0\.begin=3'):
        build_runner(cfg).train()


def test_begin_is_an_epoch():
    with pytest.raises(ConfigError, match=r'begin: .* got 0'):
        HOOKS.build({'type': 'WeightAverageHook', 'begin': 0})


def test_the_average_of_another_model_is_refused(market, tmp_path):
    runner = build_runner(tiny_config(market, tmp_path / 'other', resume=True))
    hook = WeightAverageHook(begin=1)
    state = {'count': 1, 'average': {'weight': torch.zeros(1)}}
    with pytest.raises(CheckpointError, match='belongs to another model'):
        hook.after_load_checkpoint(runner, {'weight_average': state})


@pytest.mark.parametrize(
    'filename',
    ['epoch_3.pth', 'epoch_3_batch_2.pth', 'iter_9.pth', '../out.pth', '/tmp/out.pth', 'sub/x.pth',
     'best_mAP.pth', 'abandoned_x.pth', 'model.safetensors', 'last_checkpoint', '.pth', '',
     'a\0.pth', 'sub\\x.pth', f'{"a" * 300}.pth'],
)  # fmt: skip
def test_names_that_are_not_the_averaged_nets(filename):
    """Class of faults: a result in the place of another file, outside, or lost at the end.

    epoch_3.pth replaced the last epoch's state, and a name that cannot be written was an error
    after the last epoch.
    """
    with pytest.raises(ConfigError, match='filename must be'):
        WeightAverageHook(1, filename)
