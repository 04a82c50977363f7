import copy

import pytest
import torch
from torch import nn
from torch.autograd import forward_ad

from msvitreid.models.backbones.blocks import CNNBlock, conv_x
from msvitreid.models.backbones.lean_bottleneck import can_use_lean_bottleneck, lean_bottleneck
from msvitreid.models.backbones.squeeze_excitation import SqueezeExcitation


def block(**options):
    torch.manual_seed(0)
    made = CNNBlock(8, 12, project_skip=True, **options).double().train()
    for layer in made.modules():
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.uniform_(layer.weight, 0.5, 1.5)
            nn.init.normal_(layer.bias)
    return made


def maps(*size):
    x = torch.randn(*size, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    return x.contiguous(memory_format=torch.channels_last).requires_grad_()


@pytest.mark.parametrize('frozen', ['', 'weight', 'bias'])
@pytest.mark.parametrize('stride', [1, 2])
def test_result_gradients_and_statistics_of_the_layers(stride, frozen):
    lean = block(stride=stride).main
    for name, parameter in lean.named_parameters():
        parameter.requires_grad_(not frozen or not name.endswith(frozen))
    plain = copy.deepcopy(lean)
    x = maps(3, 8, 7, 5)
    found, expected = lean_bottleneck(lean, x), plain(x)
    assert torch.equal(found, expected)
    assert all(map(torch.equal, lean.buffers(), plain.buffers()))
    cotangent = torch.randn_like(found)
    for y, net in ((found, lean), (expected, plain)):
        y.backward(cotangent, inputs=[x, *(p for p in net.parameters() if p.requires_grad)])
        net.by_x, x.grad = x.grad, None
    torch.testing.assert_close(lean.by_x, plain.by_x)
    for one, other in zip(lean.parameters(), plain.parameters(), strict=True):
        assert (one.grad is None) == (other.grad is None)
        if one.grad is not None:
            torch.testing.assert_close(one.grad, other.grad)


def test_keeps_results_of_convolutions_only():
    net, x = block().main, maps(2, 8, 6, 4)
    kept = []

    def keep(tensor):
        kept.append(tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        lean_bottleneck(net, x)
    # The input, 48 hidden channels twice, and what the last BatchNorm takes.
    large = [tuple(tensor.shape) for tensor in kept if tensor.numel() >= x.numel()]
    wanted = [(2, 8, 6, 4), (2, 12, 6, 4), (2, 48, 6, 4), (2, 48, 6, 4)]
    assert sorted(size for size in large if size[0] == 2 and size[2:] == (6, 4)) == wanted


def test_no_second_derivative():
    x = maps(2, 8, 6, 4)
    y = lean_bottleneck(block().main, x)
    (gradient,) = torch.autograd.grad(y.square().sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match='once_differentiable'):
        gradient.sum().backward()


def test_what_is_left_to_the_layers():
    net, x = block().main, maps(2, 8, 6, 4)
    assert can_use_lean_bottleneck(net, x)
    assert not can_use_lean_bottleneck(net, x[:1])
    assert not can_use_lean_bottleneck(block(act_cfg={'type': 'GELU'}).main, x)
    with torch.no_grad():
        assert not can_use_lean_bottleneck(net, x)
    with torch.autocast('cpu', torch.bfloat16):
        assert not can_use_lean_bottleneck(net, x)
    assert not can_use_lean_bottleneck(nn.SyncBatchNorm.convert_sync_batchnorm(block()).main, x)
    net[1].norm.momentum = None
    assert not can_use_lean_bottleneck(net, x)
    hooked = block().main
    hooked[2].register_forward_hook(lambda *_: None)
    assert not can_use_lean_bottleneck(hooked, x)
    assert not can_use_lean_bottleneck(block().eval().main, x)


def exchanged(place, layer):
    main = block().main
    parent, _, name = place.rpartition('.')
    setattr(main.get_submodule(parent), name, layer.double())
    return main


class OwnGates(SqueezeExcitation):
    def scales(self, x):
        return 2 * super().scales(x)


@pytest.mark.parametrize(
    'make',
    [
        lambda: exchanged('2', OwnGates(48)),
        lambda: exchanged('2', nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Sigmoid())),
        lambda: exchanged('3', conv_x(48, 12, act_cfg={'type': 'ReLU'})),
        lambda: exchanged('0.conv', nn.Conv2d(8, 48, 3, padding=1, bias=False)),
        lambda: exchanged('1.conv', nn.Conv2d(48, 48, 3, padding=1, groups=12)),
        lambda: exchanged(
            '1.conv',
            nn.Conv2d(48, 48, 3, padding=1, groups=12, bias=False, padding_mode='reflect'),
        ),
        lambda: exchanged(
            '1.conv', nn.Conv2d(48, 48, 3, padding='same', groups=12, bias=False)
        ),
        lambda: exchanged('2.gate', nn.ReLU()),
        lambda: block(act_cfg={'type': 'Sigmoid'}).main,
        lambda: nn.Sequential(*block().main, nn.ReLU()),
    ],
)
def test_other_layers_compute_themselves(make):
    """Class of faults: a block of somebody's own, of which parts are passed over."""
    assert not can_use_lean_bottleneck(make().train(), maps(2, 8, 6, 4))


def test_forward_mode_and_tracing_take_the_layers():
    x = maps(2, 8, 6, 4)
    with forward_ad.dual_level():
        dual = forward_ad.make_dual(x.detach(), torch.ones_like(x))
        assert forward_ad.unpack_dual(block()(dual)).tangent.shape == (2, 12, 6, 4)
    assert torch.fx.symbolic_trace(block()) is not None
    torch.jit.trace(block(), x, check_trace=False)


def test_activations_of_a_config_are_computed():
    net, x = block(act_cfg={'type': 'Sigmoid'}), maps(2, 8, 6, 4)
    expected = net.main(x) + net.skip(x)
    assert torch.equal(net(x), expected)
