"""Class of faults: a run whose result cannot be used without its config."""

import pytest
import torch
from torch import nn

from msvitreid.apis import ReIDInferencer
from msvitreid.checkpoints import read_model_file
from msvitreid.engine import ModelFileHook
from msvitreid.errors import ConfigError
from msvitreid.registry import MODELS
from tests.engine.tiny_run import build_runner, tiny_config


def log_of(work_dir):
    (log,) = work_dir.glob('*/*.log')
    return log.read_text().splitlines()


def test_a_run_leaves_its_averaged_net_as_a_file(market, tmp_path):
    work_dir = tmp_path / 'run'
    runner = build_runner(tiny_config(market, work_dir, log_level='INFO'))
    runner.train()
    path = work_dir / 'model.safetensors'
    file = read_model_file(path)
    averaged = torch.load(work_dir / 'averaged.pth', weights_only=True)['state_dict']
    assert all(torch.equal(averaged[name], file.tensors[name]) for name in file.tensors)
    assert {name for name in averaged if name not in file.tensors} == {
        f'head.classifiers.{i}.weight' for i in range(5)
    }
    assert file.description['trained'] == {'epochs': 3}
    (data,) = file.description['training_data']
    dataset = runner.train_dataloader.dataset
    assert data['images'] == len(dataset)
    assert data['identities'] == dataset.metainfo['num_classes']
    told, last = log_of(work_dir)[-2:]
    assert str(path) in told
    assert file.fingerprint[:12] in told
    assert 'training ended' in last
    queries = market / 'Market-1501-v15.09.15' / 'query' / '*s1_*.jpg'
    assert ReIDInferencer(path, device='cpu')(queries).shape[1] == 80


def test_an_exponential_average_is_the_result(market, tmp_path):
    changes = {'custom_hooks': [dict(type='EMAHook')], 'train_cfg.max_epochs': 1}
    build_runner(tiny_config(market, tmp_path, **changes)).train()
    saved = torch.load(tmp_path / 'epoch_1.pth', weights_only=True)['state_dict']
    file = read_model_file(tmp_path / 'model.safetensors')
    assert all(torch.equal(saved[name], file.tensors[name]) for name in file.tensors)


def test_none_switches_it_off(market, tmp_path):
    changes = {'default_hooks.model_file': None, 'train_cfg.max_epochs': 2}
    build_runner(tiny_config(market, tmp_path, **changes)).train()
    assert (tmp_path / 'averaged.pth').is_file()
    assert not list(tmp_path.glob('*.safetensors'))


class UnnamedNet(nn.Module):
    """A backbone that is registered under no name."""

    out_channels = 16

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 16, 3, stride=16)

    def forward(self, images):
        return (self.conv(images),)


def test_a_net_that_cannot_be_described_is_left_out_with_a_line(market, tmp_path):
    work_dir = tmp_path / 'run'
    cfg = tiny_config(market, work_dir, **{'train_cfg.max_epochs': 2, 'log_level': 'INFO'})
    cfg.model.backbone = dict(_delete_=True, type=f'{__name__}.UnnamedNet')
    cfg.model.backbone.pop('_delete_')
    build_runner(cfg).train()
    assert not list(work_dir.glob('*.safetensors'))
    lines = [line for line in log_of(work_dir) if 'no model.safetensors is written' in line]
    assert len(lines) == 1
    assert 'model.backbone.type' in lines[0]


def test_a_registered_backbone_of_a_stranger_is_described(market, tmp_path):
    MODELS.register_module(name='NamedNet', module=UnnamedNet, force=True)
    try:
        cfg = tiny_config(market, tmp_path, **{'train_cfg.max_epochs': 2})
        cfg.model.backbone = dict(type='NamedNet')
        build_runner(cfg).train()
        file = read_model_file(tmp_path / 'model.safetensors')
        assert file.description['architecture']['backbone'] == {'type': 'NamedNet'}
    finally:
        MODELS.module_dict.pop('NamedNet')


@pytest.mark.parametrize(
    'filename',
    ['../a.safetensors', 'model.pth', '', 'a\0.safetensors', f'{"a" * 300}.safetensors'],
)
def test_names_of_files_that_are_refused(filename):
    with pytest.raises(ConfigError, match='filename'):
        ModelFileHook(filename=filename)
