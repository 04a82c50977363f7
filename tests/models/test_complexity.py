from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from msvitreid.deployment import fuse_for_inference
from msvitreid.errors import ConfigError
from msvitreid.models import SparseGridAttention
from msvitreid.models.complexity import (
    Complexity,
    LayerBytes,
    count_complexity,
    least_bytes,
    total_complexity,
)
from msvitreid.registry import MODELS
from tests.models.tiny import tiny_reid_model


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.qkv = nn.Linear(8, 24)

    def forward(self, tokens):
        return F.scaled_dot_product_attention(*self.qkv(tokens).chunk(3, dim=-1))


class Stage(nn.Module):
    """Attention among tokens; its ``down`` is called beside it."""

    def __init__(self):
        super().__init__()
        self.attention = Attention()
        self.down = nn.Linear(8, 4, bias=False)

    def forward(self, tokens):
        return self.attention(tokens)


class Backbone(nn.Module):
    def __init__(self):
        super().__init__()
        self.position = nn.Parameter(torch.zeros(8))
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.BatchNorm2d(8))
        self.act = nn.ReLU()
        self.stages = nn.ModuleList([Stage()])

    def forward(self, images):
        tokens = self.act(self.stem(images)).flatten(2).transpose(1, 2) + self.position
        tokens = torch.softmax(tokens @ tokens.transpose(1, 2), dim=-1) @ tokens
        (stage,) = self.stages
        return stage.down(stage(tokens))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone = Backbone()
        self.head = nn.Linear(4, 5)
        self.classifier = nn.Linear(5, 100, bias=False)

    def forward(self, images, mode):
        assert mode == 'tensor'
        return self.head(self.backbone(images).mean(dim=1))


def test_every_part_by_hand():
    # An 8x6 image gives a 4x3 map of 8 channels, 12 tokens.
    assert count_complexity(Net(), (8, 6)) == [
        # The position; two products among the tokens.
        Complexity('backbone, the rest', 8, 2 * 12 * 12 * 8),
        Complexity('backbone.stem', 3 * 9 * 8 + 8 + 2 * 8, 12 * 3 * 9 * 8),
        # qkv, both products of the attention, and down, which is called next to the stage.
        Complexity(
            'backbone.stages.0',
            8 * 24 + 24 + 8 * 4,
            12 * 8 * 24 + 2 * 12 * 12 * 8 + 12 * 8 * 4,
        ),
        Complexity('head', 4 * 5 + 5, 4 * 5),
        Complexity('classifier', 500, 0),
    ]


def test_the_total_is_the_sum():
    parts = [Complexity('a', 2, 30), Complexity('b', 5, 700)]
    assert total_complexity(parts) == Complexity('total', 7, 730)


def test_a_shared_parameter_counts_once():
    net = Net()
    net.classifier = nn.Linear(4, 5, bias=False)
    net.classifier.weight = net.head.weight
    total = total_complexity(count_complexity(net, (8, 6)))
    assert total.parameters == 8 + 240 + 248 + 25


def test_a_wrapped_backbone_is_opened():
    net = Net()
    net.backbone.net, net.backbone.stages = Backbone(), None
    wrapper = nn.Module()
    wrapper.net = Backbone()
    wrapper.forward = wrapper.net.forward
    net.backbone = wrapper
    wanted = ['backbone.net, the rest', 'backbone.net.stem', 'backbone.net.stages.0']
    parts = count_complexity(net, (8, 6))
    assert [part.name for part in parts][-5:-2] == wanted
    assert total_complexity(parts) == total_complexity(count_complexity(Net(), (8, 6)))


def test_attention_that_torch_would_fuse():
    class Attending(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.TransformerEncoderLayer(8, 2, dim_feedforward=16, batch_first=True)

        def forward(self, images, mode):
            return self.layer(images.flatten(2).transpose(1, 2).repeat(1, 1, 3)[..., :8])

    (part,) = count_complexity(Attending(), (4, 3))
    # 12 tokens: q, k, v and the projection; both products; the feed-forward's two layers.
    assert part.macs == 12 * (4 * 8 * 8) + 2 * 12 * 12 * 8 + 12 * (2 * 8 * 16)
    assert torch.backends.mha.get_fastpath_enabled()


def layer_by_layer(model, image_size):
    """Multiply-accumulates from the shapes that layers see, without looking at operations."""
    macs = 0

    def conv(module, inputs, output):
        nonlocal macs
        macs += output[0].numel() * module.weight[0].numel()

    def linear(module, inputs, output):
        nonlocal macs
        macs += module.weight.numel()

    def attention(module, inputs, output):
        nonlocal macs
        rows, columns = module.split_size
        # Every token has a product with each of its group, and takes its share of each.
        macs += 2 * output[0].numel() * rows * columns

    hooks = {nn.Conv2d: conv, nn.Linear: linear, SparseGridAttention: attention}
    for module in model.modules():
        if type(module) in hooks:
            module.register_forward_hook(hooks[type(module)])
    with torch.no_grad():
        model.eval()(torch.zeros(1, 3, *image_size))
    return macs


@pytest.mark.parametrize('image_size', [(64, 32), (32, 96)])
def test_a_tiny_msvit_layer_by_layer(image_size):
    model = MODELS.build(tiny_reid_model())
    total = total_complexity(count_complexity(model, image_size))
    assert total.macs == layer_by_layer(model, image_size)
    assert total.parameters == sum(weight.numel() for weight in model.parameters())


def test_the_parts_of_msvit():
    model = MODELS.build(tiny_reid_model(num_classes=7))
    parts = {part.name: part for part in count_complexity(model, (64, 32))}
    stages = [f'backbone.stages.{stage}' for stage in range(3)]
    branches = ['backbone.branches.0', 'backbone.branches.1']
    assert list(parts) == ['backbone.stem', *stages, *branches, 'head']
    # 3 to 4 channels at half the size: 3x3 of them, and BatchNorm's two.
    assert parts['backbone.stem'] == ('backbone.stem', 108 + 8, 32 * 16 * 108)
    # Five vectors of 16 numbers; the seven classes' weights are not used for features.
    assert parts['head'] == ('head', 5 * (256 + 32 + 7 * 16), 5 * 256)
    assert parts[branches[0]][1:] == parts[branches[1]][1:]


def test_the_nets_own_error_stays():
    with pytest.raises(ConfigError, match=r'stage 1 .*9x8 .*33x32'):
        count_complexity(MODELS.build(tiny_reid_model()), (33, 32))


def test_a_failing_net_is_one_sentence():
    net = Net()
    net.backbone.stem[0].padding = (0, 0)
    sentence = r'^Net does not run on a 2x1 image \(.*[Kk]ernel size.*\); give another size$'
    with pytest.raises(ConfigError, match=sentence):
        count_complexity(net, (2, 1))


def test_the_least_bytes_of_every_layer_by_hand():
    """Bytes: inputs, weights and output once, of layers that no other's pass can take over."""
    # 8x6 images, 12 tokens of 8 numbers; the activation and both BatchNorm's weights are free.
    assert least_bytes(Net(), (8, 6), batch_size=10, element_size=4) == [
        LayerBytes('backbone.stem.0', 40 * 3 * 48, 4 * (216 + 8), 40 * 96),
        LayerBytes('backbone.stages.0.attention.qkv', 40 * 96, 4 * (192 + 24), 40 * 288),
        LayerBytes('backbone.stages.0.down', 40 * 96, 4 * 32, 40 * 48),
        LayerBytes('head', 40 * 4, 4 * (20 + 5), 40 * 5),
    ]
    assert LayerBytes('head', 1, 2, 4).total == 7


def test_the_least_bytes_of_the_grouped_convolutions_of_msvit_s():
    """Bytes at batch 256, 384x128, half precision: 3x3 of 4 channels a group, and attention."""
    model = MODELS.build(
        dict(
            type='ReIDModel',
            backbone=dict(type='MSViT'),
            neck=dict(type='PartPoolingNeck'),
            head=dict(type='BNNeckHead'),
        )
    )
    rows = {row.name: row for row in least_bytes(model, (384, 128), batch_size=256)}
    # 128 channels, 192x64 to 96x32, two bytes a number.
    first = rows['backbone.stages.0.0.main.1.conv']
    assert first[1:] == (805306368, 9216, 201326592)
    grouped = [
        row for name, row in rows.items() if getattr(model.get_submodule(name), 'groups', 1) > 1
    ]
    # 27 blocks and 5 projected skips, with both branches; q, k and v of 21 attentions.
    assert len(grouped) == 30 + 5 + 3 * 21
    # q, k, v and the local term in, one map out, of 32 channels.
    attention = rows['backbone.stages.0.2.attn']
    assert attention[1:] == (4 * 256 * 32 * 96 * 32 * 2, 2 * 2, 256 * 32 * 96 * 32 * 2)
    # By hand, maps in 10^6: stages 2541.7 + 2327.9 + 2749.4, branches 1258.3.
    assert sum(row.total for row in grouped) == 8_878_874_496
    assert sum(row.read + row.written for row in grouped) / 1e6 == pytest.approx(8877, abs=1)


def test_fused_nets_have_the_bytes_of_their_convolutions():
    model = MODELS.build(tiny_reid_model())
    rows = {row.name: row for row in least_bytes(model, (64, 32))}
    fused = {row.name: row for row in least_bytes(fuse_for_inference(model), (64, 32))}
    name = 'backbone.stages.1.0.main.1'
    assert fused[name][1::2] == rows[f'{name}.conv'][1::2]
    # Each channel's shift in addition.
    assert fused[name].weights == rows[f'{name}.conv'].weights + 2 * 64
    assert len(fused) == len(rows)
