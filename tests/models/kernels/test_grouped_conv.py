import copy
import sys

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from msvitreid.errors import ConfigError
from msvitreid.models.kernels import grouped_conv
from msvitreid.models.kernels.grouped_conv import (
    GroupedConv2d,
    grouped_conv3x3,
    pack_transposed_weight,
    pack_weight,
    use_grouped_conv_kernel,
)
from tests.models.tiny import tiny_tested_net


def test_the_cpu_computes_by_torch():
    """Fallback: without a GPU and the interpreter the results are torch's to the bit."""
    x, weight, shift = torch.randn(2, 8, 5, 7), torch.randn(8, 4, 3, 3), torch.randn(8)
    expected = F.conv2d(x, weight, shift, 2, padding=1, groups=2).relu()
    assert torch.equal(grouped_conv3x3(x, weight, shift, 2, relu=True), expected)
    assert 'triton' not in {name.partition('.')[0] for name in vars(grouped_conv)}


@pytest.mark.parametrize('shape', [(8, 8, 3, 3), (4, 4, 3, 3), (8, 4, 1, 1)])
def test_other_weights_are_refused(shape):
    with pytest.raises(ValueError, match='weight'):
        grouped_conv3x3(torch.zeros(1, 8, 5, 5), torch.zeros(shape))


def test_other_strides_are_refused():
    with pytest.raises(ValueError, match='stride'):
        grouped_conv3x3(torch.zeros(1, 8, 5, 5), torch.zeros(8, 4, 3, 3), stride=3)


def test_packed_weights():
    for channels in (4, 12):
        weight = torch.randn(channels, 4, 3, 3)
        for pack in (pack_weight, pack_transposed_weight):
            assert pack(weight, torch.float64).is_contiguous()
    packed, transposed = (
        f(weight, torch.float64) for f in (pack_weight, pack_transposed_weight)
    )
    # Output channel 9 is the second one of the third group.
    assert torch.equal(packed[:, :, 3, 9], weight[9, 3].double())
    assert torch.equal(transposed[:, :, 1, 11], weight[9, 3].double())


def conv(channels=8, **options):
    return nn.Conv2d(channels, channels, 3, **{'padding': 1, 'groups': channels // 4} | options)


def test_only_what_fits_is_taken():
    """Geometry: any other convolution stays torch's."""
    others = nn.ModuleList(
        [
            conv(groups=1),
            conv(stride=3),
            conv(stride=(1, 2)),
            conv(padding=0),
            conv(padding='same'),
            conv(dilation=2),
            conv(padding_mode='reflect'),
            nn.Conv2d(8, 16, 3, padding=1, groups=2),
            nn.Conv2d(8, 8, 1, groups=2),
            nn.ConvTranspose2d(8, 8, 3, padding=1, groups=2),
        ]
    )
    assert use_grouped_conv_kernel(others) == 0
    assert not any(isinstance(other, GroupedConv2d) for other in others)
    assert use_grouped_conv_kernel(nn.ModuleList([conv(), conv(4, stride=2), others])) == 2


def test_one_net_is_altered_and_keeps_its_weights():
    """Per instance: names, values and results stay, other nets too, and a copy is as its source."""
    net, other = tiny_tested_net(), tiny_tested_net()
    batch = torch.rand(2, 3, 64, 32)
    # Three stages: 3 first blocks of two; then blocks of one, with q, k and v.
    assert use_grouped_conv_kernel(net) == use_grouped_conv_kernel(net) == 2 * 3 + 2 * 4 + 2 * 2
    assert list(net.state_dict()) == list(other.state_dict())
    with torch.inference_mode():
        for one, two, three in zip(
            net(batch), other(batch), copy.deepcopy(net)(batch), strict=True
        ):
            assert torch.equal(one, two)
            assert torch.equal(one, three)
    assert not any(isinstance(layer, GroupedConv2d) for layer in other.modules())


def test_the_option_of_msvit():
    """Config: one option turns the kernels on, whatever the heads are."""
    for kernel, count in (('torch', 0), ('triton', 18)):
        net = tiny_tested_net(grouped_conv_kernel=kernel)
        assert sum(isinstance(layer, GroupedConv2d) for layer in net.modules()) == count


def test_a_compiled_net_takes_it_whole():
    """torch.compile: one graph, on the CPU as well."""
    layers = nn.Sequential(conv(), nn.ReLU(), conv(stride=2))
    x = torch.randn(1, 8, 5, 7)
    expected = layers(x)
    assert use_grouped_conv_kernel(layers) == 2
    found = torch.compile(layers, backend='eager', fullgraph=True)(x)
    torch.testing.assert_close(found, expected)


def test_without_triton_a_gpu_is_one_sentence(monkeypatch):
    monkeypatch.setitem(sys.modules, 'msvitreid.models.kernels.grouped_conv_launch', None)
    monkeypatch.delattr('msvitreid.models.kernels.grouped_conv_launch', raising=False)
    with pytest.raises(ConfigError, match=r'grouped_conv_kernel.*Triton'):
        grouped_conv._grouped_conv3x3(
            torch.zeros(1, 4, 3, 3), torch.zeros(4, 4, 3, 3), None, 1, False, True
        )
