import pytest
import torch

from msvitreid.errors import CheckpointError
from msvitreid.models.weights.official_names import from_official, recognise, to_official
from msvitreid.registry import MODELS
from tests.models.golden import official_shapes, official_weights


@pytest.mark.parametrize(
    ('file', 'kind'), [('official_msvit_s', 'classifier'), ('official_reid_s', 'reid')]
)
def test_there_and_back_is_the_same(file, kind):
    weights = official_weights(file, 0)
    assert recognise(weights) == (kind, True)
    ours = from_official(weights, kind)
    assert recognise(ours) == (kind, False)
    back = to_official(ours, kind)
    assert list(back) == list(weights)
    assert all(torch.equal(back[name], weights[name]) for name in weights)


def test_our_names_are_exactly_the_nets():
    net = MODELS.build(
        dict(
            type='ReIDModel',
            backbone=dict(type='MSViT'),
            neck=dict(type='PartPoolingNeck'),
            head=dict(type='BNNeckHead', num_classes=20),
        )
    )
    shapes = {name: list(value.shape) for name, value in net.state_dict().items()}
    assert from_official(official_shapes('official_reid_s'), 'reid') == shapes
    # l has the same names.
    large = MODELS.build(dict(type='MSViT', arch='l')).state_dict()
    assert {f'backbone.{n}' for n in large} == {n for n in shapes if n.startswith('backbone.')}


def test_strangers():
    assert recognise({'conv1.weight': 0}) is None
    with pytest.raises(CheckpointError, match=r"'layer9.x' belongs to no part"):
        from_official({'layer9.x': 0}, 'reid')
