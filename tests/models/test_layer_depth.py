import pytest
from torch import nn

from msvitreid.errors import ConfigError
from msvitreid.models import MSViT, ReIDModel
from msvitreid.registry import MODELS

TINY = dict(
    type='MSViT',
    arch=dict(dims=(8, 8, 8, 8), blocks=(1, 2, 3, 2), heads=(1, 1, 1)),
    split_size=(2, 2),
    out_channels=16,
)


@MODELS.register_module()
class NoDepths(nn.Module):
    out_channels = 4


# Modules of the stages: one, CNN; CNN, CNN, attention; CNN, CNN, attention, CNN, attention.
DEPTHS = {
    'stem.conv.weight': 0,
    'stages.0.0.main.0.conv.weight': 1,
    'stages.1.0.main.0.conv.weight': 2,
    'stages.1.1.main.0.conv.weight': 3,
    'stages.1.2.attn.logit_scale': 3,
    'stages.2.0.skip.0.conv.weight': 4,
    'stages.2.2.q.conv.weight': 5,
    'stages.2.3.main.0.conv.weight': 6,
    'stages.2.4.proj.norm.bias': 6,
    'branches.0.stage.0.main.0.conv.weight': 7,
    'branches.1.stage.1.main.0.conv.weight': 8,
    'branches.1.conv_head.conv.weight': 9,
}


@pytest.mark.parametrize(('name', 'depth'), DEPTHS.items())
def test_a_block_is_a_layer(name, depth):
    backbone = MODELS.build(TINY)
    assert backbone.get_parameter(name) is not None
    assert backbone.get_layer_depth(name) == (depth, 10)
    assert backbone.get_layer_depth(f'backbone.{name}', 'backbone.') == (depth, 10)


def test_every_layer_is_met_and_the_published_net_has_29():
    backbone = MSViT('s')
    depths = {backbone.get_layer_depth(name) for name, _ in backbone.named_parameters()}
    assert depths == {(depth, 29) for depth in range(29)}


def test_the_head_is_the_last_layer():
    model = ReIDModel(TINY, dict(type='PartPoolingNeck'), dict(type='BNNeckHead'))
    assert model.get_layer_depth('head.linears.0.weight') == (9, 10)
    assert model.get_layer_depth('backbone.stem.conv.weight') == (0, 10)


def test_a_backbone_that_does_not_tell_is_named():
    head = dict(type='BNNeckHead', num_vectors=1)
    model = ReIDModel(dict(type='NoDepths'), dict(type='GlobalPoolingNeck'), head)
    with pytest.raises(ConfigError, match='NoDepths has no get_layer_depth'):
        model.get_layer_depth('head.linears.0.weight')
