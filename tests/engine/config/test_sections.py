"""Sections of a run in another form than a dict or a list, which ended in tracebacks."""

import pytest

from msvitreid.engine.config.sections import check_groups, check_sections
from msvitreid.errors import ConfigError
from tests.engine.tiny_run import build_runner, tiny_config


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
    ],
)
def test_a_section_of_another_form(name, value):
    with pytest.raises(ConfigError, match=rf'^{name}[. ]'):
        check_sections({name: value}.get)


@pytest.mark.parametrize(
    ('part', 'value'),
    [('dataset', None), ('dataset', 'x'), ('sampler', 'x'), ('collate_fn', 'default_collate')],
)
def test_a_part_of_a_loader_of_another_form(part, value):
    with pytest.raises(ConfigError, match=rf'^val_dataloader\.{part} must be a dict'):
        check_sections({'val_dataloader': {'dataset': {}, part: value}}.get)


def test_what_is_absent_or_built_already_passes():
    check_sections({}.get)
    check_sections({'custom_hooks': [object()], 'model': object(), 'test_evaluator': []}.get)
    check_sections({'param_scheduler': {'type': 'LinearLR'}, 'log_level': 10}.get)


@pytest.mark.parametrize('use', ['val', 'test'])
@pytest.mark.parametrize('absent', ['dataloader', 'cfg', 'evaluator'])
def test_a_part_of_a_validation(use, absent):
    group = {f'{use}_{part}': {} for part in ('dataloader', 'cfg', 'evaluator')}
    check_groups(group.get)
    with pytest.raises(ConfigError, match=rf'{use}_{absent} is None'):
        check_groups({**group, f'{use}_{absent}': None}.get)


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
