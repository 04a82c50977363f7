"""Every problem of a config is found before anything is built, with its key path."""

from __future__ import annotations

from pathlib import Path

import pytest
from mmengine.config import Config

from msvitreid.engine.config.checking import check_config, problems_of
from msvitreid.errors import ConfigError

CONFIGS = Path(__file__).parents[3] / 'configs'
LEAVES = [path for path in sorted(CONFIGS.rglob('*.py')) if '_base_' not in path.parts]


@pytest.fixture
def demo() -> Config:
    return Config.fromfile(CONFIGS / 'demo' / 'msvit-demo.py')


def paths(cfg: Config) -> list[str]:
    return [problem.path for problem in problems_of(cfg)]


def test_every_config_passes():
    assert len(LEAVES) > 50
    for leaf in LEAVES:
        assert paths(Config.fromfile(leaf)) == [], leaf


@pytest.mark.parametrize(
    ('option', 'value', 'path'),
    [
        ('model.backbone.split_size', ['a', 'b'], 'model.backbone.split_size[0]'),
        ('model.backbone.arch.dims', 3, 'model.backbone.arch.dims'),
        ('model.backbone.sparse_ratio', 'abc', 'model.backbone.sparse_ratio'),
        ('model.backbone.act_cfg', {'type': 'Relu'}, 'model.backbone.act_cfg.type'),
        ('model.backbone.act_cfg', 'ReLU', 'model.backbone.act_cfg'),
        ('model.data_preprocessor.mean', ['a', 'b', 'c'], 'model.data_preprocessor.mean[0]'),
        ('model.neck', None, 'model.neck'),
        ('model.neck.num_part', 3, 'model.neck.num_part'),
        ('model.type', 'ReIDModl', 'model.type'),
        (
            'train_dataloader.sampler.num_instances',
            'abc',
            'train_dataloader.sampler.num_instances',
        ),
        ('train_dataloader.sampler', 3, 'train_dataloader.sampler'),
        ('train_dataloader.batchsize', 12, 'train_dataloader.batchsize'),
        ('train_dataloader.batch_size', 0, 'train_dataloader.batch_size'),
        ('train_dataloader.dataset.pipeline', 3, 'train_dataloader.dataset.pipeline'),
        (
            'train_dataloader.dataset.pipeline',
            [{'type': 'LoadImag'}],
            'train_dataloader.dataset.pipeline[0].type',
        ),
        ('custom_hooks.0.begin', 'abc', 'custom_hooks[0].begin'),
        ('custom_hooks', [3], 'custom_hooks[0]'),
        ('custom_hooks', 3, 'custom_hooks'),
        ('default_hooks.logger.interval', 'abc', 'default_hooks.logger.interval'),
        ('default_hooks.checkpoints', {'interval': 2}, 'default_hooks.checkpoints'),
        ('optim_wrapper', 3, 'optim_wrapper'),
        ('optim_wrapper.optimizer.lr', 'fast', 'optim_wrapper.optimizer.lr'),
        ('optim_wrapper.optimizer.lr', float('nan'), 'optim_wrapper.optimizer.lr'),
        ('param_scheduler.1.eta_min', float('nan'), 'param_scheduler[1].eta_min'),
        ('optim_wrapper.optimizer.type', 'SGDD', 'optim_wrapper.optimizer.type'),
        ('param_scheduler.0.beginn', 3, 'param_scheduler[0].beginn'),
        ('train_cfg.max_epochs', 0, 'train_cfg.max_epochs'),
        ('train_cfg.max_epochs', 'a', 'train_cfg.max_epochs'),
        ('val_evaluator.topk', 'a', 'val_evaluator.topk'),
        ('log_processor.window_size', 'a', 'log_processor.window_size'),
        (
            'visualizer.vis_backends',
            [{'type': 'LocalVisBackendd'}],
            'visualizer.vis_backends[0].type',
        ),
        ('env_cfg.dist_cfg.timout', 3, 'env_cfg.dist_cfg.timout'),
        ('env_cfg.mp_cfg.mp_start_method', 'forc', 'env_cfg.mp_cfg.mp_start_method'),
        ('randomness.sede', 1, 'randomness.sede'),
        ('randomness.seed', -1, 'randomness.seed'),
        ('sync_bn', True, 'sync_bn'),
        ('compile', 'yes', 'compile'),
        ('compile', {'mode': 'x'}, 'compile'),
        # Names of sections that nothing reads.
        ('optim_wraper', {'a': 1}, 'optim_wraper'),
        ('randomnes', {'seed': 1}, 'randomnes'),
        ('test_evaluators', {}, 'test_evaluators'),
        ('param_schedulers', [], 'param_schedulers'),
        ('compil', True, 'compil'),
    ],
)
def test_wrong_value(demo, option, value, path):
    """A wrong value or a misspelt name was a traceback, a wrong sentence, or another training."""
    demo.merge_from_dict({option: value})
    assert path in paths(demo)
    with pytest.raises(ConfigError, match='config: '):
        check_config(demo)


def test_all_problems_at_once(demo):
    demo.merge_from_dict({'model.neck.num_part': 3, 'optim_wrapper.optimizer.lr': 'fast'})
    assert len(paths(demo)) == 2
    with pytest.raises(ConfigError, match=r'num_part.*did you mean.*optimizer\.lr'):
        check_config(demo)


def test_variables_of_a_config_stay(demo):
    demo.merge_from_dict({'my_size': (128, 64), 'my_pipeline': [], 'my_epochs': 3})
    assert paths(demo) == []


def test_members_of_a_joined_dataset_have_names(demo):
    member = {'type': 'Market1501', 'name': 'a', 'color': 1}
    demo.train_dataloader.dataset = {'type': 'JoinedDataset', 'datasets': [member]}
    assert paths(demo) == ['train_dataloader.dataset.datasets[0].color']


def test_class_as_type(demo):
    from torch.optim import SGD

    demo.optim_wrapper.optimizer.type = SGD
    assert paths(demo) == []
    demo.optim_wrapper.optimizer.momentumm = 0.9
    assert paths(demo) == ['optim_wrapper.optimizer.momentumm']
