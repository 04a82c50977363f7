"""No config can be forgotten: all are found by walking the folders."""

import json
from pathlib import Path

import pytest
import torch
from mmengine.optim import build_optim_wrapper

from msvitreid.datasets.splitting import write_split
from msvitreid.engine import complete_config, load_config
from msvitreid.registry import DATASETS, HOOKS, METRICS, MODELS, PARAM_SCHEDULERS
from tests.miniature import WRITERS, TreeShape
from tests.miniature.tree import write_image
from tests.tools.user import options, run

from .leaves import CONFIGS
from .walk import every_config, folder_of, small_options, without_weights

# Folders whose configs are trained and tested here, and those that another module runs.
RUN_HERE = {'baselines', 'demo', 'own', 'swap'}
RUN_BY = {'msvit': 'test_miniature_runs.py', 'pretrain': 'test_pretrain.py'}

ALL = every_config()
HERE = [path for path in ALL if folder_of(path) in RUN_HERE]


def config_id(path):
    return str(path.relative_to(CONFIGS).with_suffix(''))


@pytest.fixture(scope='module')
def data_root(tmp_path_factory):
    """All datasets in small, with images as large as the demo's, which are not resized."""
    root = tmp_path_factory.mktemp('data')
    shape = TreeShape(train_identities=4, test_identities=2, images=3, image_size=(128, 64))
    for write in WRITERS.values():
        write(root, shape)
    for number in range(20):
        path = root / 'own' / str(number % 5) / f'{number}_c{number % 2}.png'
        write_image(path, number, (40, 15))
    write_split(root / 'own', camera_pattern=r'_c(\d)')
    return root


def test_every_folder_is_run():
    assert {folder_of(path) for path in ALL} == RUN_HERE | RUN_BY.keys()
    for module in RUN_BY.values():
        assert (Path(__file__).parent / module).is_file()


def test_no_two_configs_share_a_name_and_with_it_a_work_directory():
    assert len({path.stem for path in ALL}) == len(ALL)


@pytest.mark.parametrize('path', ALL, ids=config_id)
def test_every_part_of_a_config_can_be_built(path):
    cfg = load_config(path)
    cfg.merge_from_dict(without_weights(cfg))
    cfg = complete_config(cfg)
    model = MODELS.build({**cfg.model, 'head': {'num_classes': 5, **cfg.model.head}})
    optimizer = build_optim_wrapper(model, cfg.optim_wrapper)
    for scheduler in cfg.param_scheduler:
        # The runner takes it away, with the epoch's length in exchange.
        curve = {k: v for k, v in scheduler.items() if k != 'convert_to_iter_based'}
        PARAM_SCHEDULERS.build({**curve, 'optimizer': optimizer})
    for name in ('train', 'val', 'test'):
        DATASETS.build({**cfg[f'{name}_dataloader'].dataset, 'lazy_init': True})
    for name in ('val', 'test'):
        METRICS.build(cfg[f'{name}_evaluator'])
    for hook in (*cfg.default_hooks.values(), *cfg.get('custom_hooks', ())):
        HOOKS.build(hook)


@pytest.mark.parametrize('path', HERE, ids=config_id)
def test_trains_and_is_tested(path, data_root, tmp_path):
    root = data_root / 'own' if folder_of(path) == 'own' else data_root
    small = options(small_options(load_config(path)), {'data_root': root})
    work_dir, result = tmp_path / 'work', tmp_path / 'result.json'
    trained = run('train.py', path, '--work-dir', work_dir, *small)
    assert trained.code == 0, trained.err
    last = work_dir / 'epoch_1.pth'
    assert torch.load(last, weights_only=True)['meta']['iter'] >= 2

    averaged = work_dir / 'averaged.pth'
    checkpoint = averaged if averaged.exists() else last
    tested = run(
        'test.py', path, checkpoint, '--work-dir', tmp_path / 'test', '--out', result, *small
    )
    assert tested.code == 0, tested.err
    figures = json.loads(result.read_text())['metrics']
    assert {'mAP', 'rank-1'} <= figures.keys()
    assert all(0 <= value <= 1 for value in figures.values())
