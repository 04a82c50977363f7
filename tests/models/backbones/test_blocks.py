import torch
from torch import nn

from msvitreid.models.backbones.blocks import (
    CNNBlock,
    SparseAttentionBlock,
    SqueezeExcitation,
    conv_x,
)


def test_conv_x_is_bias_free_and_keeps_the_size():
    layer = conv_x(4, 8, 3, act_cfg={'type': 'GELU'})
    assert layer.conv.bias is None
    assert layer(torch.rand(2, 4, 5, 7)).shape == (2, 8, 5, 7)
    assert isinstance(layer.act, nn.GELU)
    assert not hasattr(conv_x(4, 8), 'act')


def test_squeeze_excitation_gate():
    block = SqueezeExcitation(16)
    assert block.reduce.out_channels == 8
    assert SqueezeExcitation(128).reduce.out_channels == 16
    nn.init.zeros_(block.expand.weight)
    nn.init.zeros_(block.expand.bias)
    x = torch.rand(2, 16, 3, 3)
    torch.testing.assert_close(block(x), x / 2)


def test_cnn_block_skips():
    plain = CNNBlock(8, 8)
    assert isinstance(plain.skip, nn.Identity)
    first = CNNBlock(8, 16, stride=2, project_skip=True)
    assert first(torch.rand(2, 8, 6, 4)).shape == (2, 16, 3, 2)
    assert first.skip[0].conv.groups == 2
    unstrided = CNNBlock(8, 16, stride=1, project_skip=True)
    assert unstrided(torch.rand(2, 8, 6, 4)).shape == (2, 16, 6, 4)


def test_cnn_block_has_no_activation_after_the_sum():
    block = CNNBlock(8, 8).eval()
    nn.init.zeros_(block.main[3].norm.weight)
    x = torch.randn(2, 8, 4, 4)
    torch.testing.assert_close(block(x), x)


def test_attention_block_adds_to_its_input():
    block = SparseAttentionBlock(8, 2, (2, 2), 0.5).eval()
    nn.init.zeros_(block.proj.norm.weight)
    x = torch.randn(2, 8, 4, 4)
    torch.testing.assert_close(block(x), x)


def test_attention_block_attends_to_the_projected_input():
    """With v = 0 and dense, equal logits, each token gets its group's mean of x_."""
    block = SparseAttentionBlock(4, 1, (2, 2), 1.0).eval()
    with torch.no_grad():
        for layer in (block.q, block.k, block.v):
            layer.conv.weight.zero_()
        block.q.norm.bias.fill_(1.0)
        block.k.norm.bias.fill_(1.0)
        for layer in (block.proj_in, block.proj):
            layer.conv.weight.copy_(torch.eye(4)[..., None, None] * (1 + 1e-5) ** 0.5)
    x = torch.rand(1, 4, 2, 2)
    expected = x + x.mean(dim=(2, 3), keepdim=True)
    torch.testing.assert_close(block(x), expected, atol=1e-5, rtol=1e-5)
