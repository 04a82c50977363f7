import pytest
import torch
from mmengine.config import Config

from msvitreid.apis import get_config, get_model, list_configs, list_models
from msvitreid.errors import CheckpointError, ConfigError
from msvitreid.registry import MODELS
from tests.models.tiny import tiny_reid_model


def test_the_published_configs_are_listed():
    assert len(list_configs('msvit-[sl]_*')) == 34  # two pre-train
    assert list_configs('msvit-s_c*') == [
        'msvit-s_cars196',
        'msvit-s_cub200',
        'msvit-s_cuhk03-detected',
        'msvit-s_cuhk03-labeled',
    ]
    assert 'msvit-demo' in list_configs()
    assert list_configs('unknown*') == []


def test_the_model_zoo_is_listed():
    """Class of faults: a list of models that names demos and examples of single options."""
    nets = list_models()
    assert list_models('bot-r50_*') == [
        'bot-r50_market1501',
        'bot-r50_occluded-duke',
        'bot-r50_veri',
    ]
    assert set(nets) < set(list_configs())
    assert not {'msvit-demo', 'neck-gem'} & set(nets)
    assert list_models('unknown*') == []


def test_a_config_by_name_and_by_path(tmp_path):
    assert get_config('msvit-l_market1501').model.backbone.arch == 'l'
    (tmp_path / 'mine.py').write_text('a = 1\n')
    assert get_config(tmp_path / 'mine.py').a == 1
    assert get_config('configs/msvit/msvit-l_market1501.py').model.backbone.arch == 'l'
    with pytest.raises(ConfigError, match=r"'msvit-s_market'.*'msvit-s_market1501'"):
        get_config('msvit-s_market')


def test_a_model_with_and_without_weights(tmp_path):
    cfg = Config(dict(model=tiny_reid_model()))
    trained = MODELS.build(tiny_reid_model(num_classes=7))
    torch.save({'state_dict': trained.state_dict()}, tmp_path / 'a.pth')
    model = get_model(cfg, tmp_path / 'a.pth')
    assert not model.training
    images = torch.rand(2, 3, 64, 32)
    with torch.no_grad():
        torch.testing.assert_close(model.embed(images), trained.eval().embed(images))
        assert get_model(cfg).embed(images).shape == (2, 80)
    with pytest.raises(CheckpointError, match='does not exist'):
        get_model(cfg, tmp_path / 'gone.pth')
