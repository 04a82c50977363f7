"""Processes with another config or other data went on, and their weights stayed apart."""

import shutil

import pytest
from mmengine.config import Config
from torch import distributed

from msvitreid.engine.resume.experiment import shared_options
from msvitreid.errors import ConfigError, DatasetError
from tests.engine.tiny_run import build_runner, tiny_config
from tests.processes import run_ranks


@pytest.fixture(scope='module')
def other(market, tmp_path_factory):
    """As many identities, one of them with another number, in training and test."""
    root = tmp_path_factory.mktemp('other') / 'data'
    shutil.copytree(market, root)
    for old, new in (('0002', '9992'), ('0001', '9991')):
        for path in root.glob(f'*/*/{old}_*'):
            path.rename(path.with_name(path.name.replace(old, new, 1)))
    return root


@pytest.fixture(scope='module')
def moved(market, tmp_path_factory):
    root = tmp_path_factory.mktemp('moved') / 'data'
    shutil.copytree(market, root)
    return root


def refused(market, tmp_path, changes, test=False):
    """What two ranks raise of which the second has other options."""

    def start():
        last = distributed.get_rank() == 1
        root = changes.get('data_root', market) if last else market
        cfg = tiny_config(root, tmp_path / 'run', launcher='pytorch')
        cfg.merge_from_dict({'train_dataloader.batch_size': 4, 'train_cfg.max_epochs': 1})
        cfg.custom_hooks = []
        if last:
            cfg.merge_from_dict({k: v for k, v in changes.items() if k != 'data_root'})
        if test:
            for key in ('train_dataloader', 'train_cfg', 'optim_wrapper'):
                cfg[key] = None
        try:
            runner = build_runner(cfg)
            runner.test() if test else runner.train()
        except (ConfigError, DatasetError) as error:
            return type(error), str(error)
        return None

    one, two = run_ranks(start, 2)
    assert one == two
    return one


@pytest.mark.parametrize('test', [False, True])
def test_another_option_of_one_rank(market, tmp_path, test):
    changes = {'optim_wrapper.optimizer.lr': 0.01, 'test_evaluator.ap': 'plain'}
    kind, sentence = refused(market, tmp_path, changes, test)
    assert kind is ConfigError
    assert "test_evaluator.ap is not set on rank 0 and 'plain' on rank 1" in sentence
    lr = 'optim_wrapper.optimizer.lr is 0.05 on rank 0 and 0.01 on rank 1'
    assert (lr in sentence) is not test


@pytest.mark.parametrize(('test', 'part'), [(False, 'train'), (True, 'test')])
def test_other_data_of_one_rank(market, other, tmp_path, test, part):
    kind, sentence = refused(market, tmp_path, {'data_root': other}, test)
    assert kind is DatasetError
    assert f'Market1501 {part}' in sentence
    assert 'identities is ' in sentence
    assert 'on rank 0 and ' in sentence


def test_ranks_may_lie_on_different_machines(market, moved, tmp_path):
    changes = {'data_root': moved, 'val_dataloader.num_workers': 1, 'log_level': 'CRITICAL'}
    assert refused(market, tmp_path, changes) is None


def test_what_machines_may_differ_in():
    cfg = dict(
        work_dir='a', data_root='a', load_from='a', log_level='INFO', env_cfg=dict(a=1), a=1
    )
    cfg['train_dataloader'] = dict(num_workers=2, pin_memory=True, batch_size=4)
    cfg['model'] = dict(pretrained='a.pth', parts=[dict(type='A')])
    assert shared_options(Config(cfg)) == {
        'a': '1',
        'train_dataloader.batch_size': '4',
        'model.parts.0.type': "'A'",
    }
