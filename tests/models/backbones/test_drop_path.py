import pytest
import torch
from mmcv.cnn.bricks import DropPath as OfMmcv

from msvitreid.models.backbones.blocks import DropPath


@pytest.mark.parametrize('share', [0.1, 0.5])
def test_the_same_samples_are_dropped_as_by_mmcv(share):
    x = torch.randn(64, 3, 4, 4)
    torch.manual_seed(0)
    expected = OfMmcv(share).train()(x)
    torch.manual_seed(0)
    found = DropPath(share).train()(x)
    assert torch.equal(found, expected)
    assert 0 < (found.flatten(1) == 0).all(1).sum() < 64


@pytest.mark.parametrize('drop', [DropPath(0.5).eval(), DropPath(0.0).train()])
def test_nothing_is_dropped_in_evaluation_or_at_zero(drop):
    x = torch.randn(8, 3, 4, 4)
    assert torch.equal(drop(x), x)
