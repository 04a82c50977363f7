from collections import OrderedDict

import pytest
import torch
from torch import nn

from msvitreid.deployment.fused import FusedConv
from msvitreid.deployment.packed_conv import PackedConv, groups_to_join, pack_groups


@pytest.mark.parametrize(
    ('outputs', 'inputs', 'groups', 'joined'),
    [
        (128, 4, 32, 4),  # MSViT's: 4 channels a group
        (8, 4, 2, 2),  # all there are
        (40, 4, 10, 2),  # four would not divide
        (64, 16, 4, 1),  # wide enough
        (48, 12, 4, 1),  # a second one would not fit
        (64, 32, 1, 1),  # no groups
        (24, 1, 24, 12),  # depthwise
    ],
)
def test_packed_groups_compute_the_same(outputs, inputs, groups, joined):
    weight = torch.randn(outputs, inputs, 3, 3)
    images = torch.randn(3, inputs * groups, 5, 6)
    assert groups_to_join(weight, groups) == joined
    packed = pack_groups(weight, groups, joined)
    assert packed.shape == (outputs, inputs * joined, 3, 3)
    found = nn.functional.conv2d(images, packed, padding=1, groups=groups // joined)
    expected = nn.functional.conv2d(images, weight, padding=1, groups=groups)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize('act', [None, nn.ReLU(), nn.GELU()])
def test_replaces_a_fused_convolution(act):
    layers = OrderedDict(
        conv=nn.Conv2d(16, 32, 3, stride=2, padding=1, groups=4, bias=False),
        norm=nn.BatchNorm2d(32),
    )
    layers['norm'].running_mean.normal_()
    if act is not None:
        layers['act'] = act
    fused = FusedConv(nn.Sequential(layers)).eval()
    images = torch.randn(3, 16, 8, 8)
    packed = PackedConv(fused)
    with torch.inference_mode():
        torch.testing.assert_close(packed(images), fused(images), rtol=1e-5, atol=1e-5)


def test_adds():
    layers = OrderedDict(conv=nn.Conv2d(8, 8, 1, bias=False), norm=nn.BatchNorm2d(8))
    fused = FusedConv(nn.Sequential(layers)).eval()
    images, other = torch.randn(2, 3, 8, 4, 4)
    images, other = images.clone(), other.clone()
    with torch.inference_mode():
        expected = fused(images) + other
        torch.testing.assert_close(PackedConv(fused)(images, other), expected)
