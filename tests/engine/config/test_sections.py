"""Sections of a run in another form than a dict or a list, and values that are checked there."""

from __future__ import annotations

import pytest
from mmengine.config import Config
from mmengine.hooks import EMAHook
from mmengine.runner import LogProcessor
from torch import nn

from msvitreid.engine import check_config, complete_config
from msvitreid.engine.config.checking import problems_of
from msvitreid.errors import ConfigError
from tests.engine.tiny_run import build_runner, tiny_config

DATASET = {'type': 'Market1501'}
TRAINING = [
    {'batch_size': 2, 'dataset': DATASET},
    {'by_epoch': True, 'max_epochs': 1},
    {'optimizer': {'type': 'SGD', 'lr': 0.1}},
]


def paths(**options) -> list[str]:
    return [problem.path for problem in problems_of(options)]


@pytest.mark.parametrize(
    ('name', 'value'),
    [
        ('model', 'x'),
        ('train_dataloader', []),
        ('default_hooks', []),
        ('visualizer', 'x'),
        ('visualizer', []),
        ('randomness', 3),
        ('env_cfg', 'a'),
        ('val_cfg', 'a'),
        ('optim_wrapper', True),
        ('custom_hooks', 'a'),
        ('custom_hooks', {'type': 'EMAHook'}),
        ('custom_hooks', [None]),
        ('custom_hooks', ['EMAHook']),
        ('param_scheduler', 'x'),
        ('param_scheduler', {}),
        ('param_scheduler', [None]),
        ('test_evaluator', 'x'),
        ('resume', 'yes'),
        ('work_dir', 3),
        ('log_level', 'x'),
        ('sync_bn', 'mmcv'),
        ('sync_bn', ['torch']),
        ('find_unused_parameters', 'yes'),
        ('find_unused_parameters', 0),
        ('compile', ['eager']),
        ('load_except', 3),
        ('load_except', [3]),
        ('load_except', {'head': 1}),
    ],
)
def test_another_form(name, value):
    found = paths(**{name: value})
    assert len(found) == 1
    assert found[0].startswith(name)


@pytest.mark.parametrize('value', [0, -1, 2.0, True, '3', None])
@pytest.mark.parametrize(
    ('section', 'key'),
    [
        ('optim_wrapper', 'accumulative_counts'),
        ('train_cfg', 'max_epochs'),
        ('train_dataloader', 'batch_size'),
    ],
)
def test_counts_are_whole_numbers(section, key, value):
    assert f'{section}.{key}' in paths(**{section: {key: value, 'by_epoch': True}})


@pytest.mark.parametrize(
    ('section', 'options', 'path'),
    [
        ('test_dataloader', dict(num_workers=0.5, dataset=DATASET), 'num_workers'),
        ('val_dataloader', dict(dataset=None), 'dataset'),
        ('val_dataloader', dict(dataset='x'), 'dataset'),
        ('val_dataloader', dict(dataset=DATASET, sampler='x'), 'sampler'),
        ('val_dataloader', dict(dataset=DATASET, collate_fn='default_collate'), 'collate_fn'),
        ('val_dataloader', dict(dataset=DATASET, drop_last=None), 'drop_last'),
        ('val_dataloader', dict(dataset={**DATASET, 'pipeline': [3]}), 'dataset.pipeline[0]'),
        ('optim_wrapper', dict(optimizer={'type': 'SGD', 'lr': 0.1}, clip_grad=5), 'clip_grad'),
        ('randomness', dict(seed=2**32), 'seed'),
        ('randomness', dict(seed='abc'), 'seed'),
        ('env_cfg', dict(dist_cfg='nccl'), 'dist_cfg'),
        ('env_cfg', dict(dist_cfg=dict(timeuot=3)), 'dist_cfg.timeuot'),
        ('compile', dict(modus='default'), ''),
        ('compile', dict(backend='eagre'), ''),
    ],
)
def test_a_part_of_another_form(section, options, path):
    assert paths(**{section: options}) == [f'{section}.{path}'.rstrip('.')]


@pytest.mark.parametrize(
    'seconds', [0, -5, '600', None, True, float('inf'), float('nan'), 1e15]
)
def test_the_timeout_is_seconds(seconds):
    """A number that is no time span ended in a traceback of ``timedelta``."""
    found = paths(env_cfg=dict(dist_cfg=dict(timeout=seconds)))
    assert found == ['env_cfg.dist_cfg.timeout']


@pytest.mark.parametrize(
    'options',
    [
        {},
        dict(sync_bn=None, compile=None, find_unused_parameters=None, log_level=None),
        dict(sync_bn='torch', compile=True, find_unused_parameters=True, log_level=10),
        dict(sync_bn=False, compile=dict(mode='reduce-overhead', dynamic=True)),
        dict(randomness=dict(seed=None), load_except='', load_from=''),
        dict(randomness=dict(seed=2**32 - 1), load_except=['head']),
        dict(env_cfg=dict(mp_cfg=None, dist_cfg=dict(port=29501, timeout=0.5))),
        dict(env_cfg=dict(dist_cfg=dict(backend='gloo', init_backend='torch', timeout=5))),
        dict(custom_hooks=[EMAHook()], model=nn.Identity(), test_evaluator=[]),
        dict(param_scheduler={'type': 'LinearLR'}, log_processor=LogProcessor()),
        dict(train_cfg=dict(by_epoch=False, max_iters=100)),
    ],
    ids=lambda options: '-'.join(options),
)
def test_what_may_be(options):
    assert paths(**options) == []


@pytest.mark.parametrize('use', ['train', 'val', 'test'])
@pytest.mark.parametrize('absent', [0, 1, 2])
def test_a_part_of_a_training_or_validation(use, absent):
    names = [f'{use}_dataloader', f'{use}_cfg', f'{use}_evaluator']
    names[2] = 'optim_wrapper' if use == 'train' else names[2]
    values = TRAINING if use == 'train' else [TRAINING[0], {}, {'type': 'ReIDMetric'}]
    group = dict(zip(names, values, strict=True))
    check_config(group, of_run=True)
    group[names[absent]] = None
    check_config(group)  # whatever is tested with, training data may be switched off
    with pytest.raises(ConfigError, match=f'config: {names[absent]}: is None'):
        check_config(group, of_run=True)


def test_nothing_is_left_out_of_what_is_not_loaded():
    cfg = dict(zip(('train_dataloader', 'train_cfg', 'optim_wrapper'), TRAINING, strict=True))
    check_config({**cfg, 'load_except': ['head'], 'load_from': 'a.pth'}, of_run=True)
    check_config({**cfg, 'load_except': ['head'], 'resume': True}, of_run=True)
    check_config({'load_except': ['head']}, of_run=True)
    with pytest.raises(ConfigError, match=r'load_except: .*load_from'):
        check_config({**cfg, 'load_except': ['head']}, of_run=True)


def test_validation_is_not_switched_off_by_its_interval():
    cfg = dict(train_cfg=dict(by_epoch=True, max_epochs=3, val_interval=0))
    with pytest.raises(ConfigError, match=r'val_interval: .* val_cfg=None'):
        check_config(cfg)


def test_a_config_is_checked_when_it_is_completed():
    loader = dict(num_workers='two', dataset=DATASET)
    with pytest.raises(ConfigError, match=r'num_workers.*sync_bn|sync_bn.*num_workers'):
        complete_config(Config(dict(train_dataloader=loader, sync_bn=True)))


def test_none_is_mmengines_default(market, tmp_path):
    changes = {
        'custom_hooks': None,
        'default_hooks': None,
        'visualizer': None,
        'env_cfg': {'mp_cfg': None, 'dist_cfg': None},
        'randomness': None,
        'log_processor': None,
        'load_from': '',
        'load_except': '',
        'model.data_preprocessor.batch_augments': None,
        'model.head.loss_triplet': None,
    }
    cfg = tiny_config(market, tmp_path / 'none', **{'train_cfg.max_epochs': 1, **changes})
    cfg.log_level = None
    runner = build_runner(cfg)
    runner.train()
    assert runner.epoch == 1


@pytest.mark.parametrize('batch_size', [1])
def test_a_batch_of_one_image_names_the_option(batch_size, market, tmp_path):
    """Batches that BatchNorm cannot normalize: torch's error names no option."""
    cfg = tiny_config(market, tmp_path / 'one')
    cfg.train_dataloader.batch_size = batch_size
    cfg.train_dataloader.sampler = dict(type='DefaultSampler', shuffle=True)
    with pytest.raises(ConfigError, match=r'train_dataloader\.batch_size .*drop_last=True'):
        build_runner(cfg).train()


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'optim_wrapper.optimizer.lr': -1}, 'optim_wrapper cannot be built: .*-1'),
        ({'optim_wrapper.paramwise_cfg': {'custom_keys': {'head': 3}}}, 'optim_wrapper cannot'),
        (
            {'param_scheduler': [{'type': 'LinearLR', 'start_factor': 7}]},
            'param_scheduler cannot be built',
        ),
        (
            {'param_scheduler': [{'type': 'LinearLR', 'start_factor': 0.0, 'end': 3}]},
            'param_scheduler cannot be built: .*zero',
        ),
        ({'custom_hooks': [{'type': 'EMAHook', 'begin_iter': 1, 'begin_epoch': 1}]}, 'hook'),
        ({'custom_hooks': [{'type': 'EarlyStoppingHook', 'monitor': 'x'}]}, 'hook .* rule'),
        ({'env_cfg': {'mp_cfg': {'mp_start_method': 'no'}}}, 'mp_start_method'),
    ],
)
def test_values_that_a_constructor_refuses(changes, message, market, tmp_path):
    """Values of the right type that mmengine's or torch's constructors refuse: a traceback."""
    cfg = tiny_config(market, tmp_path / 'refused', **changes)
    cfg.train_cfg.val_interval = 1
    with pytest.raises(ConfigError, match=message):
        build_runner(cfg).train()


def test_a_runner_made_in_python_is_checked(tmp_path):
    """Positional options and built objects; nothing is written before all is known to be right."""
    from msvitreid.engine import ReIDRunner

    with pytest.raises(ConfigError, match=r'2 problems.*custom_hooks\[0\].*randomness\.seed'):
        ReIDRunner(
            nn.Identity(), str(tmp_path / 'w'), randomness={'seed': 'x'}, custom_hooks=[3]
        )
    assert not (tmp_path / 'w').exists()
