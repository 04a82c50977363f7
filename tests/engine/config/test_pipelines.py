"""Pipelines of the top level of a config: assignments and options that nothing took up."""

import json

import pytest
from mmengine.config import Config
from mmengine.dataset import ConcatDataset

from msvitreid.engine import check_config, complete_config, load_config
from msvitreid.engine.config.pipelines import fill_pipelines
from msvitreid.engine.resume.experiment import experiment_options
from msvitreid.errors import ConfigError
from tests.configs.leaves import CONFIGS
from tests.configs.walk import every_config
from tests.engine.tiny_run import build_runner, tiny_config
from tests.tools.user import leaf, options, run

MARKET = leaf('msvit-s_market1501')
LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')
FLAT = [{'type': 'LoadImage'}, {'type': 'PackReIDInputs'}]


def pipelines(cfg):
    completed = complete_config(cfg)
    return [completed[name].dataset.pipeline for name in LOADERS]


def hoisted(market, work_dir, **changes):
    """The tiny run with its pipelines at the top level only."""
    cfg = tiny_config(market, work_dir)
    cfg.train_pipeline = cfg.train_dataloader.dataset.pop('pipeline')
    cfg.test_pipeline = cfg.test_dataloader.dataset.pop('pipeline')
    cfg.val_dataloader.dataset.pop('pipeline', None)
    cfg.merge_from_dict(changes)
    return cfg


def test_an_assignment_in_a_leaf_is_taken_up(tmp_path):
    """Base files copied the pipeline when they were read: assigning another one did nothing."""
    text = f'_base_ = {MARKET!r}\ntrain_pipeline = {FLAT}\ntest_pipeline = {FLAT[:1]}\n'
    (tmp_path / 'mine.py').write_text(text)
    assert pipelines(load_config(tmp_path / 'mine.py')) == [FLAT, FLAT[:1], FLAT[:1]]


def test_an_option_is_taken_up():
    """``train_pipeline.2.prob=0.3`` was ignored without a word."""
    cfg = load_config(MARKET, {'train_pipeline.3.prob': 0.3, 'test_pipeline': FLAT})
    train, val, test = pipelines(cfg)
    assert train[3] == {'type': 'RandomFlip', 'prob': 0.3}
    assert val == test == FLAT


@pytest.mark.parametrize('path', every_config(), ids=lambda path: path.stem)
def test_pipelines_of_every_config_can_be_assigned(path):
    assert pipelines(load_config(path, {'train_pipeline': FLAT, 'test_pipeline': FLAT})) == (
        [FLAT] * 3
    )


def test_no_config_repeats_a_pipeline():
    stating = [path.name for path in CONFIGS.rglob('*.py') if 'pipeline=' in path.read_text()]
    assert stating == []


def test_an_option_below_a_dataset_changes_its_copy():
    cfg = load_config(MARKET, {'train_dataloader.dataset.pipeline.3.prob': 0.3})
    train, val, _ = pipelines(cfg)
    assert [step.type for step in train] == [step.type for step in cfg.train_pipeline]
    assert (train[3].prob, cfg.train_pipeline[3].prob, len(val)) == (0.3, 0.5, 3)


@pytest.mark.parametrize('key', ['train_pipeline.1.type', 'train_pipeline'])
def test_an_option_without_effect_is_refused(key, tmp_path):
    own = {'train_dataloader': {'dataset': {'pipeline': FLAT}}}
    (tmp_path / 'mine.py').write_text(
        f'_base_ = {MARKET!r}\ntrain_dataloader = {own["train_dataloader"]}\n'
    )
    value = 'RandomFlip' if key.endswith('type') else FLAT[:1]
    with pytest.raises(
        ConfigError, match=r'train_pipeline.*train_dataloader\.dataset\.pipeline'
    ):
        load_config(tmp_path / 'mine.py', {key: value})


def test_an_option_reaches_a_config_that_repeats_the_pipeline(tmp_path):
    """Configs that runs of earlier versions have written state both, alike."""
    cfg = load_config(MARKET)
    fill_pipelines(cfg)
    cfg.dump(tmp_path / 'left.py')
    cfg = load_config(tmp_path / 'left.py', {'train_pipeline.3.prob': 0.3})
    assert pipelines(cfg)[0][3].prob == 0.3


def test_joined_and_wrapped_datasets():
    joined = {'type': 'JoinedDataset', 'datasets': [{'type': 'Market1501'}]}
    apart = {'type': ConcatDataset, 'datasets': [{'type': 'Market1501'}, {'type': 'MSMT17'}]}
    foreign = {'type': 'mmpretrain.KFoldDataset', 'dataset': {'type': 'mmpretrain.CIFAR10'}}
    cfg = Config(
        {
            'train_pipeline': FLAT,
            'test_pipeline': FLAT[:1],
            'train_dataloader': {'dataset': joined},
            'val_dataloader': {'dataset': apart},
            'test_dataloader': {'dataset': foreign},
        }
    )
    assert fill_pipelines(cfg) == {
        'train_dataloader.dataset.pipeline': 'train_pipeline',
        'val_dataloader.dataset.datasets.0.pipeline': 'test_pipeline',
        'val_dataloader.dataset.datasets.1.pipeline': 'test_pipeline',
        'test_dataloader.dataset.dataset.pipeline': 'test_pipeline',
    }
    assert cfg.train_dataloader.dataset.pipeline == FLAT
    assert 'pipeline' not in cfg.train_dataloader.dataset.datasets[0]


def test_a_pipeline_that_is_no_list():
    with pytest.raises(ConfigError, match='train_pipeline'):
        load_config(MARKET, {'train_pipeline': 3})


@pytest.mark.parametrize(
    ('option', 'value', 'path'),
    [
        ('train_pipeline.3.probb', 0.3, r'train_pipeline\[3\]\.probb'),
        ('test_pipeline.0.type', 'LoadImages', r'test_pipeline\[0\]\.type'),
    ],
)
def test_a_fault_is_reported_where_the_pipeline_stands(option, value, path):
    with pytest.raises(ConfigError, match=rf'config: {path}') as caught:
        check_config(load_config(MARKET, {option: value}))
    assert str(caught.value).count('pipeline[') == 1


def test_a_run_keeps_the_config_as_stated_and_records_what_it_used(market, tmp_path):
    """Where pipelines stand is no change of the experiment: earlier checkpoints resume."""
    stated = build_runner(tiny_config(market, tmp_path / 'a'))
    runner = build_runner(hoisted(market, tmp_path / 'b'))
    assert 'pipeline' not in runner.cfg.train_dataloader.dataset
    assert experiment_options(runner) == experiment_options(stated)
    changed = build_runner(hoisted(market, tmp_path / 'c', **{'train_pipeline.3.prob': 0.1}))
    found = experiment_options(changed).values
    assert found['train_dataloader.dataset.pipeline.3.prob'] == '0.1'


def test_a_lazy_config(market, tmp_path):
    hoisted(market, tmp_path / 'work').dump(tmp_path / 'tiny.py')
    (tmp_path / 'mine.py').write_text(
        'from mmengine.config import read_base\n'
        'from msvitreid.datasets.transforms import LoadImage, PackReIDInputs\n'
        'with read_base():\n    from .tiny import *\n'
        'train_pipeline = [dict(type=LoadImage), dict(type=PackReIDInputs)]\n'
    )
    path = 'msvitreid.datasets.transforms.LoadImage'
    train, val, _ = pipelines(
        load_config(tmp_path / 'mine.py', {'test_pipeline.1.scale': (8, 8)})
    )
    assert [step.type for step in train][:1] == [path]
    assert val[1].scale == (8, 8)


def test_the_runner_of_mmengine_gets_pipelines(market, tmp_path):
    """It completes nothing, so datasets without a pipeline would have given bare entries."""
    cfg = hoisted(market, tmp_path / 'work', runner_type='Runner', custom_hooks=[])
    cfg.image_size = (64, 32)
    cfg.train_pipeline[1].scale = cfg.test_pipeline[1].scale = '{{image_size.wh}}'
    cfg.train_cfg.max_epochs = 1
    cfg.model.head.num_classes = 6
    for name in LOADERS:
        cfg[name].dataset.update(data_root=str(market), on_count_mismatch='ignore')
    cfg.train_dataloader.sampler.batch_size = 8
    cfg.dump(tmp_path / 'mine.py')
    given = options({'train_pipeline.3.prob': 0.3})
    trained = run('train.py', tmp_path / 'mine.py', *given)
    assert trained.code == 0, trained.err
    left = load_config(tmp_path / 'work' / 'mine.py', {'train_pipeline.3.prob': 0.4})
    assert left.train_dataloader.dataset.pipeline[1].scale == (32, 64)
    assert left.train_dataloader.dataset.pipeline[3].prob == 0.4


def test_the_resolved_config_shows_them(tmp_path):
    out = tmp_path / 'out.py'
    shown = run('analysis_tools/print_config.py', MARKET, '--out', out)
    assert shown.code == 0, shown.err
    cfg = Config.fromfile(out)
    assert json.dumps(cfg.train_dataloader.dataset.pipeline) == json.dumps(cfg.train_pipeline)


def test_an_empty_pipeline_is_refused_before_training():
    """Class of faults: what cannot work is noticed at the first batch only."""
    with pytest.raises(ConfigError, match='train_pipeline is empty'):
        fill_pipelines({'train_pipeline': [], 'train_dataloader': {'dataset': {'type': 'A'}}})
