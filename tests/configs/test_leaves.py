import re
import runpy

import pytest
from mmengine.config import Config

from msvitreid.engine import complete_config, load_config
from msvitreid.registry import DATASETS, METRICS, MODELS

from .leaves import CONFIGS, LEAVES

# With the 702 identities of Occluded-Duke.
PARAMETERS = {'s': 12_579_752, 'l': 23_517_880}
DROP_PATH = {'s': 0.10, 'l': 0.15}

ALL_FILES = sorted(CONFIGS.rglob('*.py'))
all_leaves = pytest.mark.parametrize('leaf', LEAVES, ids=lambda leaf: leaf.name)


def config_id(path):
    return str(path.relative_to(CONFIGS))


def test_there_is_a_leaf_for_every_published_command_and_no_other():
    found = {path.stem for path in (CONFIGS / 'msvit').iterdir() if path.suffix == '.py'}
    assert found == {leaf.name for leaf in LEAVES}
    assert len(found) == 18


@all_leaves
def test_model_has_the_published_size(leaf):
    cfg = load_config(leaf.path)
    model = MODELS.build({**cfg.model, 'head': {**cfg.model.head, 'num_classes': 702}})
    assert sum(weight.numel() for weight in model.parameters()) == PARAMETERS[leaf.size]
    assert cfg.model.pretrained == f'pretrain/msvit_{leaf.size}.pth'


@all_leaves
def test_settings_are_those_of_the_published_command(leaf):
    cfg = load_config(leaf.path)
    backbone = cfg.model.backbone
    (erasing,) = cfg.model.data_preprocessor.batch_augments
    assert (tuple(backbone.split_size), backbone.sparse_ratio) == (leaf.split_size, 0.3)
    assert (backbone.drop_path_rate, backbone.frozen_stages) == (DROP_PATH[leaf.size], 0)
    assert backbone.act_cfg.type == 'ReLU'
    assert (erasing.type, erasing.max_area) == ('BatchRandomErasing', leaf.erasing)
    assert (cfg.model.neck.num_parts, cfg.model.head.triplet_weight) == (2, 1.0)
    assert cfg.train_dataloader.batch_size == 24
    assert cfg.train_dataloader.sampler.num_instances == leaf.instances
    assert cfg.train_cfg.max_epochs == leaf.epochs + 25
    assert cfg.optim_wrapper.optimizer == dict(
        type='SGD', lr=leaf.lr, momentum=0.9, nesterov=True, weight_decay=5e-4
    )


@all_leaves
def test_datasets_and_metrics_are_the_protocols(leaf):
    cfg = complete_config(load_config(leaf.path, {'data_root': 'somewhere'}))
    for name, split in (('train', 'train'), ('val', 'test'), ('test', 'test')):
        dataset = DATASETS.build({**cfg[f'{name}_dataloader'].dataset, 'lazy_init': True})
        assert (type(dataset).__name__, dataset.split) == (leaf.dataset, split)
        assert dataset.data_root == 'somewhere'
        if leaf.dataset == 'CUHK03NP':
            assert dataset.name == f'CUHK03NP {leaf.tree.removeprefix("np")}'
    for name in ('val_evaluator', 'test_evaluator'):
        metric = METRICS.build(cfg[name])
        if leaf.fine_grained:
            assert (type(metric).__name__, metric.topk, metric.nmi) == (
                'RetrievalMetric',
                (1, 2, 4, 8),
                True,
            )
        else:
            assert (type(metric).__name__, metric.topk, metric.ap) == (
                'ReIDMetric',
                (1, 5, 10),
                'trapezoid',
            )


@pytest.mark.parametrize('path', ALL_FILES, ids=config_id)
def test_no_config_counts_classes(path):
    assert not re.search(r'num_classes|num_ids|num_identities', path.read_text())


@pytest.mark.parametrize(
    'path', [path for path in ALL_FILES if '_base_ =' in path.read_text()], ids=config_id
)
def test_a_config_states_only_what_differs_from_its_bases(path):
    stated = runpy.run_path(str(path))
    names = stated['_base_']
    inherited = {}
    for name in [names] if isinstance(names, str) else names:
        inherited.update(flat(Config.fromfile(path.parent / name).to_dict()))
    own = flat({key: value for key, value in stated.items() if not key.startswith('_')})
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
