import pytest
from mmengine.config import Config

from msvitreid.apis import get_config
from msvitreid.engine import load_config
from msvitreid.errors import ConfigError


def test_a_config_inherits_from_the_package(tmp_path):
    """Class of faults: a config outside of a checkout cannot inherit from the package's."""
    (tmp_path / 'base.py').write_text("_base_ = 'msvitreid::msvit/msvit-s_market1501.py'\n")
    leaf = tmp_path / 'leaf.py'
    leaf.write_text("_base_ = './base.py'\nmodel = dict(backbone=dict(sparse_ratio=0.5))\n")
    cfg, expected = load_config(leaf), get_config('msvit-s_market1501')
    assert cfg.model.backbone.sparse_ratio == 0.5
    expected.model.backbone.sparse_ratio = 0.5
    assert cfg.to_dict() == expected.to_dict()


def test_mmengine_stays_as_it_is(tmp_path):
    before = Config.__dict__['_get_cfg_path']
    leaf = tmp_path / 'leaf.py'
    leaf.write_text("_base_ = 'msvitreid::msvit/msvit-s_market.py'\n")
    with pytest.raises(ConfigError, match=r"msvit-s_market\.py.*'msvit/msvit-s_m"):
        load_config(leaf)
    assert Config.__dict__['_get_cfg_path'] is before
