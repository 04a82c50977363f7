"""Class of faults: a file that was made of a config and weights gives another net than they do."""

import pytest
import torch
from mmengine.config import Config

from msvitreid.checkpoints import read_model_file
from msvitreid.engine import describe_model, load_config, model_file_from_run
from msvitreid.errors import CheckpointError, ConfigError, OutputError
from msvitreid.models.model_description import load_model
from msvitreid.registry import MODELS
from tests.models.tiny import tiny_reid_model, tiny_tested_net

STEPS = [
    dict(type='LoadImage'),
    dict(type='Resize', scale='{{image_size.wh}}'),
    dict(type='PackReIDInputs'),
]


def config(**changes):
    options = dict(model=tiny_reid_model(), test_pipeline=STEPS, image_size=(64, 32))
    return Config({**options, **changes})


def saved(tmp_path, model):
    torch.save({'state_dict': model.state_dict()}, tmp_path / 'a.pth')
    return tmp_path / 'a.pth'


def test_a_checkpoint_and_its_config_become_one_file(tmp_path):
    net = tiny_tested_net()
    trained = MODELS.build(tiny_reid_model(num_classes=7)).eval()
    trained.load_state_dict(net.state_dict(), strict=False)
    cfg = config(train_dataloader=dict(dataset=dict(type='Market1501', split='train')))
    cfg.model.flip_test = False
    out = tmp_path / 'model.safetensors'
    fingerprint = model_file_from_run(cfg, saved(tmp_path, trained), out, license='research')
    model, description = load_model(out)
    assert description['fingerprint'] == fingerprint == read_model_file(out).fingerprint
    assert not [name for name in model.state_dict() if 'classifier' in name]
    images = torch.rand(2, 3, 64, 32)
    with torch.no_grad():
        torch.testing.assert_close(model.embed(images), net.embed(images))
    assert description['dimension'] == 80
    assert description['flip'] is model.flip_test is False
    assert description['pipeline'] == [{'type': 'Resize', 'scale': [32, 64]}]
    assert description['preprocessing']['image_size'] == [64, 32]
    assert description['training_data'] == [{'name': 'Market1501'}]
    assert description['license'] == 'research'


def test_how_it_was_trained_does_not_change_the_fingerprint(tmp_path):
    weights = tiny_tested_net().state_dict()
    fingerprint = describe_model(config(), weights, 'a')[1]['fingerprint']
    other = config(license='x')
    other.model.head.loss_triplet = None
    other.model.pretrained = 'gone.pth'
    assert describe_model(other, weights, 'a')[1]['fingerprint'] == fingerprint
    other.model.flip_test = False
    assert describe_model(other, weights, 'a')[1]['fingerprint'] != fingerprint


@pytest.mark.parametrize('name', ['msvit-demo', 'msvit-s_cars196'])
def test_configs_of_the_package(name, tmp_path):
    cfg = load_config(f'configs/{"demo" if name.endswith("demo") else "msvit"}/{name}.py')
    cfg.model.backbone.arch = dict(dims=(8, 16, 16, 24), blocks=(1, 2, 2, 1), heads=(1, 2, 2))
    model = dict(cfg.model, pretrained=None)
    _, description = describe_model(cfg, MODELS.build(model).state_dict(), 'a')
    size = (128, 64) if name == 'msvit-demo' else (224, 224)
    assert tuple(description['preprocessing']['image_size']) == size


def test_input_of_normalized_images(tmp_path):
    cfg = config()
    cfg.model.data_preprocessor = dict(mean=(0.5, 0.4, 0.3), std=(0.2, 0.2, 0.1))
    _, description = describe_model(cfg, tiny_tested_net().state_dict(), 'a')
    assert description['preprocessing']['mean'] == [0.5, 0.4, 0.3]
    assert description['preprocessing']['std'] == [0.2, 0.2, 0.1]


def test_what_cannot_become_a_file(tmp_path):
    weights = saved(tmp_path, tiny_tested_net())
    out = tmp_path / 'model.safetensors'
    for cfg, match in (
        (Config(dict(test_pipeline=STEPS, image_size=(64, 32))), 'no model'),
        (config(test_pipeline=None), 'test_pipeline'),
        (config(test_pipeline=STEPS[1:]), 'LoadImage'),
        (config(model=dict(type='mmengine.model.BaseModel')), 'no ReIDModel'),
    ):
        with pytest.raises(ConfigError, match=match):
            model_file_from_run(cfg, weights, out)
    other = config()
    other.model.neck.num_parts = 3
    with pytest.raises(CheckpointError, match='does not fit'):
        model_file_from_run(other, weights, out)
    with pytest.raises(CheckpointError, match='does not exist'):
        model_file_from_run(config(), tmp_path / 'gone.pth', out)
    with pytest.raises(OutputError, match='gone'):
        model_file_from_run(config(), weights, tmp_path / 'a.pth' / 'gone.safetensors')
    assert not out.exists()
