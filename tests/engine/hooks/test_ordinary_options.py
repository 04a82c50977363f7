"""mmengine's ordinary options with the weight average, and the last line of a run's log."""

import json
import re
from pathlib import Path

import pytest
import torch

from msvitreid.engine import use_resume
from msvitreid.errors import ConfigError
from tests.engine.tiny_run import build_runner, tiny_config

TWO = {'train_cfg.max_epochs': 2, 'train_cfg.val_interval': 1}


def train(market, work_dir, change=lambda cfg: None, **changes):
    cfg = tiny_config(market, work_dir, **{**TWO, **changes})
    cfg.log_level = 'INFO'
    cfg.experiment_name += str(len(list(work_dir.glob('*/')) if work_dir.is_dir() else []))
    change(cfg)
    runner = build_runner(cfg)
    runner.train()
    return runner


def last_line(runner):
    (log,) = Path(runner.log_dir).glob('*.log')
    return log.read_text().splitlines()[-1]


def figures(runner):
    file = Path(runner.log_dir) / 'vis_data' / 'scalars.json'
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    return [line for line in lines if any('mAP' in key for key in line)]


@pytest.mark.parametrize('prefix', [None, 'reid'])
def test_save_best(market, tmp_path, prefix):
    """The averaged net's figures have other names: a KeyError after the last epoch."""
    name = f'{prefix}/mAP' if prefix else 'mAP'
    changes = {
        'default_hooks.checkpoint.save_best': name,
        'val_evaluator.prefix': prefix,
    }
    runner = train(market, tmp_path / 'run', **changes)
    assert (tmp_path / 'run' / 'averaged.pth').is_file()
    (best,) = (tmp_path / 'run').glob(f'best_{name.replace("/", "_")}_epoch_*.pth')
    score = runner.message_hub.get_info('best_score')
    line = last_line(runner)
    assert re.search(rf'last epoch 2 {name} \d\.\d{{4}} .*\(epoch_2\.pth\)', line)
    assert re.search(rf'averaged net {name} \d\.\d{{4}} .*\(averaged\.pth\)', line)
    assert f'best net {name} {score:.4f} ({best.name})' in line
    assert re.search(r'msvitreid test CONFIG \S+/averaged\.pth$', line)
    # The line of the averaged net has no figures of the last epoch.
    assert [sorted(k.split('/')[0] for k in f if 'mAP' in k)[0] for f in figures(runner)] == [
        *[name.split('/')[0]] * 2,
        'averaged',
    ]
    assert [sum('mAP' in key for key in line) for line in figures(runner)] == [1, 1, 1]


@pytest.mark.parametrize('without', [('val', 'test'), ('test',)])
def test_no_test_is_offered_where_there_is_none(market, tmp_path, without):
    """The last line named a command that ends in an error without a test set."""
    none = [f'{use}_{part}' for use in without for part in ('dataloader', 'cfg', 'evaluator')]
    line = last_line(train(market, tmp_path / 'run', **dict.fromkeys(none)))
    assert 'test.py' not in line
    assert line.endswith(f'the result is {tmp_path}/run/averaged.pth')


def test_best_nets_of_several_figures_have_their_names(market, tmp_path):
    save = {
        'default_hooks.checkpoint.save_best': ['mAP', 'mINP'],
        'default_hooks.checkpoint.rule': 'greater',
    }
    line = last_line(train(market, tmp_path / 'run', **save))
    for name in ('mAP', 'mINP'):
        assert re.search(rf'best net {name} \d\.\d{{4}} \(best_{name}_epoch_\d\.pth\)', line)


@pytest.mark.parametrize(
    'change',
    [
        lambda cfg: cfg.default_hooks.checkpoint.update(save_best='mAPP'),
        lambda cfg: cfg.custom_hooks.append(
            dict(type='EarlyStoppingHook', monitor='mAPP', strict=True)
        ),
    ],
    ids=['save_best', 'early stopping'],
)
def test_an_unknown_figure_is_named(market, tmp_path, change):
    with pytest.raises(ConfigError, match=r"'mAPP'.* mAP"):
        train(market, tmp_path / 'run', change)


def test_the_loop_of_mmengine(market, tmp_path):
    """Its loader has no epoch to set: the run crashed before the average was written."""

    def change(cfg):
        cfg.train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=2, val_interval=2)

    train(market, tmp_path / 'run', change)
    averaged = torch.load(tmp_path / 'run' / 'averaged.pth', weights_only=True)
    assert averaged['meta']['averaged_epochs'] == 1


def by_step(cfg):
    cfg.train_cfg = dict(by_epoch=False, max_iters=3, val_interval=3)


@pytest.mark.parametrize(
    ('change', 'sentence'),
    [
        (by_step, 'WeightAverageHook .*iterations'),
        (lambda cfg: cfg.custom_hooks.append(dict(type='EMAHook')), 'EMAHook'),
    ],
    ids=['iterations', 'two averages'],
)
def test_what_cannot_be_averaged_is_refused_before_the_first_step(
    market, tmp_path, change, sentence
):
    with pytest.raises(ConfigError, match=sentence):
        train(market, tmp_path / 'run', change)
    assert not list((tmp_path / 'run').glob('*.pth'))


def test_iterations_without_an_average(market, tmp_path):
    def change(cfg):
        by_step(cfg)
        cfg.custom_hooks = []
        cfg.default_hooks.checkpoint = dict(
            type='CheckpointHook', by_epoch=False, interval=3, save_best='mAP'
        )

    runner = train(market, tmp_path / 'run', change)
    assert re.search(
        r'last iteration 3 mAP .*\(iter_3\.pth\); best net mAP \d\.\d{4} \(best_mAP_iter_3\.pth\)',
        last_line(runner),
    )


def stopping(begin):
    def change(cfg):
        cfg.custom_hooks = [
            dict(type='WeightAverageHook', begin=begin),
            dict(type='EarlyStoppingHook', monitor='mAP', stopping_threshold=-1.0),
        ]
        cfg.default_hooks.checkpoint.interval = 9

    return change


@pytest.mark.parametrize(('begin', 'result'), [(3, 'epoch_1.pth'), (1, 'averaged.pth')])
def test_stopping_early(market, tmp_path, begin, result):
    """A run that stopped before the averaging began crashed, and left nothing."""
    runner = train(market, tmp_path / 'run', stopping(begin), **{'train_cfg.max_epochs': 3})
    assert runner.epoch == 1
    assert [path.name for path in (tmp_path / 'run').glob('*.pth')] == [result]
    assert last_line(runner).endswith(f'/{result}')


def test_a_finished_run_that_is_resumed(market, tmp_path):
    """It logged the figures of an older epoch as those of the last one."""
    work_dir = tmp_path / 'run'
    two = {'train_cfg.val_interval': 1}
    train(market, work_dir, **two)
    runner = train(market, work_dir, lambda cfg: use_resume(cfg, None), **two)
    assert [[k for k in f if 'mAP' in k] for f in figures(runner)] == [['averaged/mAP']]
    line = last_line(runner)
    assert 'last epoch 2 not validated (epoch_2.pth), and epoch 1 had mAP' in line
    assert 'averaged net mAP' in line


def test_a_figure_that_mmengine_does_not_know(market, tmp_path):
    with pytest.raises(ConfigError, match=r'CheckpointHook .*rank-1.* rule'):
        train(market, tmp_path, **{'default_hooks.checkpoint.save_best': 'rank-1'})
