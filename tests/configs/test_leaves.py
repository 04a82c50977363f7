import ast
import functools
import re
import runpy

import numpy as np
import pytest
from mmengine.config import Config

from msvitreid.engine import complete_config, load_config
from msvitreid.registry import DATASETS, METRICS, MODELS, TRANSFORMS

from .leaves import CONFIGS, LEAVES, PUBLISHED, VEHICLEID_TESTS

# With the 702 identities of Occluded-Duke.
PARAMETERS = {'s': 12_579_752, 'l': 23_517_880}
DROP_PATH = {'s': 0.10, 'l': 0.15}

ALL_FILES = sorted(CONFIGS.rglob('*.py'))
all_leaves = pytest.mark.parametrize('leaf', LEAVES, ids=lambda leaf: leaf.name)


def config_id(path):
    return str(path.relative_to(CONFIGS))


def test_there_is_a_leaf_for_every_published_command_and_further_dataset_and_no_other():
    found = {path.stem for path in (CONFIGS / 'msvit').iterdir() if path.suffix == '.py'}
    assert found == {leaf.name for leaf in LEAVES}
    assert (len(PUBLISHED), len(found)) == (18, 32)


@all_leaves
def test_model_has_the_published_size(leaf):
    cfg = load_config(leaf.path)
    options = cfg.model.to_dict()
    options['head']['num_classes'] = 702
    assert count_parameters(repr(options)) == PARAMETERS[leaf.size]
    assert cfg.model.pretrained == f'pretrain/msvit_{leaf.size}.pth'


@functools.cache
def count_parameters(options: str) -> int:
    """Of the net of these options: few of the configs differ in it."""
    model = MODELS.build(ast.literal_eval(options))
    return sum(weight.numel() for weight in model.parameters())


@all_leaves
def test_settings_are_those_of_the_command(leaf):
    cfg = load_config(leaf.path)
    settings = leaf.settings
    backbone = cfg.model.backbone
    (erasing,) = cfg.model.data_preprocessor.batch_augments
    assert (tuple(backbone.split_size), backbone.sparse_ratio) == (settings.split_size, 0.3)
    assert backbone.drop_path_rate == DROP_PATH[leaf.size]
    assert backbone.frozen_stages == settings.frozen_stages
    assert backbone.act_cfg.type == 'ReLU'
    assert (erasing.type, erasing.max_area) == ('BatchRandomErasing', settings.erasing)
    assert (cfg.model.neck.num_parts, cfg.model.head.triplet_weight) == (2, 1.0)
    assert cfg.train_dataloader.batch_size == settings.batch
    assert cfg.train_dataloader.sampler.num_instances == settings.instances
    assert cfg.train_cfg.max_epochs == settings.epochs + 25
    assert cfg.optim_wrapper.optimizer == dict(
        type='SGD', lr=settings.lr, momentum=0.9, nesterov=True, weight_decay=5e-4
    )


@all_leaves
def test_images_have_the_size_of_the_command(leaf):
    cfg = complete_config(load_config(leaf.path))
    assert cfg.image_size == leaf.settings.image_size
    image = np.zeros((50, 40, 3), np.uint8)
    for name in ('train', 'val', 'test'):
        _, *steps, _ = cfg[f'{name}_dataloader'].dataset.pipeline
        results = {'img': image, 'img_path': 'x.jpg'}
        for step in steps:
            results = TRANSFORMS.build(step)(results)
        assert results['img'].shape[:2] == leaf.settings.image_size


@all_leaves
def test_datasets_are_those_of_the_command(leaf):
    cfg = complete_config(load_config(leaf.path, {'data_root': 'somewhere'}))
    validation = 'Market1501' if leaf.train_dataset == 'Market1501' else leaf.dataset
    test = 'JoinedDataset' if leaf.test_sets == VEHICLEID_TESTS else leaf.dataset
    for name, split, dataset_type in (
        ('train', 'train', leaf.train_dataset),
        ('val', 'test', validation),
        ('test', 'test', test),
    ):
        config = cfg[f'{name}_dataloader'].dataset
        dataset = DATASETS.build({**config, 'lazy_init': True})
        assert (type(dataset).__name__, dataset.split) == (dataset_type, split)
        for member in config.get('datasets', [config]):
            assert (member.data_root, member.on_count_mismatch) == ('somewhere', 'error')
        if leaf.dataset == 'CUHK03NP':
            assert dataset.name == f'CUHK03NP {leaf.tree.removeprefix("np")}'


@pytest.mark.parametrize('size', ['s', 'l'])
def test_vehicleid_is_tested_in_all_sizes(size):
    cfg = load_config(CONFIGS / 'msvit' / f'msvit-{size}_vehicleid.py')
    assert cfg.val_dataloader.dataset.test_size == 800
    assert [
        (member.type, member.test_size, member.name)
        for member in cfg.test_dataloader.dataset.datasets
    ] == [('VehicleID', int(name.split('-')[1]), name) for name in VEHICLEID_TESTS]


@all_leaves
def test_metrics_are_the_protocols(leaf):
    cfg = load_config(leaf.path)
    for name in ('val_evaluator', 'test_evaluator'):
        metric = METRICS.build(cfg[name])
        assert type(metric).__name__ == leaf.settings.metric.type
        for option, value in leaf.settings.metric.options.items():
            assert getattr(metric, option) == value


@pytest.mark.parametrize('path', ALL_FILES, ids=config_id)
def test_no_config_counts_classes(path):
    assert not re.search(r'num_classes|num_ids|num_identities', path.read_text())


def test_the_data_root_is_stated_once():
    stating = [path.name for path in ALL_FILES if 'MSVITREID_DATA_ROOT' in path.read_text()]
    assert stating == ['data_root.py']


#: What ``published_schedule`` gives.
SCHEDULE = ('train_cfg', 'param_scheduler', 'custom_hooks')


@pytest.mark.parametrize(
    'path', [path for path in ALL_FILES if '_base_ =' in path.read_text()], ids=config_id
)
def test_a_config_states_only_what_differs_from_its_bases(path):
    stated = runpy.run_path(str(path))
    names = stated['_base_']
    inherited = {}
    for name in [names] if isinstance(names, str) else names:
        inherited.update(flat(Config.fromfile(path.parent / name).to_dict()))
    # A schedule is stated by its flags, as a whole.
    whole = SCHEDULE if 'published_schedule' in stated else ()
    plain = {k: v for k, v in stated.items() if not k.startswith('_') and not callable(v)}
    own = flat({key: value for key, value in plain.items() if key not in whole})
    assert not [key for key in own if key in inherited and own[key] == inherited[key]]


def flat(node: dict, prefix: str = '') -> dict:
    """Dotted name -> value; a list replaces its base's as a whole, so it is one value."""
    values = {}
    for key, value in node.items():
        if isinstance(value, dict):
            values.update(flat(value, f'{prefix}{key}.'))
        else:
            values[f'{prefix}{key}'] = value
    return values
