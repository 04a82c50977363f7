"""Class of faults: the type of a file from elsewhere is imported although nothing is registered."""

import sys

import pytest
from mmengine.config import ConfigDict
from torch import nn

from msvitreid.errors import ConfigError
from msvitreid.models import MSViT
from msvitreid.registry import MODELS, TRANSFORMS
from msvitreid.registry.named import require_registered, with_registered_names


def test_types_become_their_names():
    cfg = ConfigDict(
        type='msvitreid.MSViT',
        split_size=(8, 8),
        act_cfg=dict(type=nn.ReLU),
        init_cfg=dict(type='Pretrained', checkpoint='a.pth'),
    )
    assert with_registered_names(MODELS, cfg, 'model.backbone') == {
        'type': 'MSViT',
        'split_size': [8, 8],
        'act_cfg': {'type': 'ReLU'},
    }
    for kind in (MSViT, 'msvitreid.models.backbones.msvit.MSViT'):
        assert with_registered_names(MODELS, {'type': kind}, '') == {'type': 'MSViT'}
    step = {'type': 'Resize', 'scale': (32, 64)}
    assert with_registered_names(TRANSFORMS, step, '')['type'] == 'Resize'


def test_mmpretrain_is_named_by_its_scope():
    pytest.importorskip('mmpretrain')
    cfg = {'type': 'mmpretrain.ResNet', 'norm_cfg': {'type': 'BN'}}
    assert with_registered_names(MODELS, cfg, '') == cfg
    require_registered(MODELS, cfg, '')
    from mmpretrain.models import ResNet

    assert with_registered_names(MODELS, {'type': ResNet}, '')['type'] == 'mmpretrain.ResNet'
    with pytest.raises(ConfigError, match='HuggingFaceClassifier'):
        require_registered(MODELS, {'type': 'mmpretrain.HuggingFaceClassifier'}, 'backbone')


def test_what_cannot_be_written_down():
    class Stranger(nn.Module):
        pass

    with pytest.raises(ConfigError, match=r'backbone\.type.*Stranger'):
        with_registered_names(MODELS, {'type': Stranger}, 'backbone')
    with pytest.raises(ConfigError, match=r'backbone\.act.*ReLU'):
        with_registered_names(MODELS, {'type': 'MSViT', 'act': nn.ReLU()}, 'backbone')


@pytest.mark.parametrize('name', ['antigravity', 'this', 'os.system', 'antigravity.x', 3, None])
def test_nothing_is_imported(name):
    before = {*sys.modules}
    with pytest.raises(ConfigError, match=r'backbone\.type'):
        require_registered(MODELS, {'type': name}, 'backbone')
    assert not {'antigravity', 'this'} & ({*sys.modules} - before)
