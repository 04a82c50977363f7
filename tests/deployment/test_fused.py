from collections import OrderedDict

import pytest
import torch

from msvitreid.deployment import fused
from msvitreid.deployment.fused import FusedConv, fuse_for_inference
from msvitreid.models.backbones.blocks import conv_x
from msvitreid.models.kernels import grouped_conv3x3, use_grouped_conv_kernel
from tests.models.golden import golden, images, reid_net
from tests.models.tiny import tiny_tested_net
from tests.plain import net as plain


@pytest.fixture(params=['one pass', 'portable'])
def kernels(request, monkeypatch):
    if request.param == 'portable':
        monkeypatch.setattr(fused, '_runs_in_one_pass', lambda x: False)


@pytest.mark.usefixtures('kernels')
@pytest.mark.parametrize('act', ['ReLU', 'GELU'])
@pytest.mark.parametrize('size', [(1, 64, 32), (3, 32, 96)], ids=str)
def test_gives_the_same_features(act, size):
    # Dense: a sparse net in float32 jumps where two logits are all but equal.
    model = tiny_tested_net(act_cfg=dict(type=act), sparse_ratio=1.0)
    batch = torch.rand(size[0], 3, *size[1:])
    with torch.inference_mode():
        expected, found = model(batch), fuse_for_inference(model)(batch)
    for one, other in zip(expected, found, strict=True):
        torch.testing.assert_close(other, one, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize('ratio', [0.25, 0.5, 0.75, 1.0], ids=['1', '2', '3', 'all'])
@pytest.mark.parametrize('size', [(1, 64, 32), (3, 32, 96), (5, 64, 64)], ids=str)
def test_one_pass_gives_the_features_of_the_plain_net(ratio, size):
    model = tiny_tested_net(sparse_ratio=ratio)
    # With this seed no two logits at a threshold lie within 1e-4, so rounding swaps no keys.
    batch = torch.rand(size[0], 3, *size[1:], generator=torch.Generator().manual_seed(5))
    assert fused._runs_in_one_pass(batch)
    with torch.inference_mode():
        expected, found = plain.features(model, batch), fuse_for_inference(model)(batch)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize('act', ['ReLU', 'GELU'])
def test_gives_the_same_features_under_autocast(act):
    model = tiny_tested_net(act_cfg=dict(type=act), sparse_ratio=1.0)
    batch = torch.rand(3, 3, 64, 32)
    with torch.inference_mode():
        exact = torch.cat(model(batch), 1)
        with torch.autocast('cpu', torch.bfloat16):
            expected = torch.cat(model(batch), 1)
            found = torch.cat(fuse_for_inference(model)(batch), 1)
    assert 0 < (found - exact).norm() < 1.5 * (expected - exact).norm()


@pytest.mark.parametrize('act', ['ReLU', 'GELU'])
@pytest.mark.parametrize(
    ('dtype', 'tolerance'), [(torch.float32, 1e-4), (torch.float64, 1e-12)], ids=str
)
def test_gives_the_images_the_same_gradient(act, dtype, tolerance):
    model = tiny_tested_net(act_cfg=dict(type=act)).to(dtype)
    batch = torch.rand(3, 3, 64, 32, dtype=dtype)
    expected, found = (image_gradient(net, batch) for net in (model, fuse_for_inference(model)))
    assert (found - expected).norm() < tolerance * expected.norm()


def image_gradient(net, batch):
    batch = batch.clone().requires_grad_()
    sum(feature.square().sum() for feature in net(batch)).backward()
    return batch.grad


def test_golden_embedding():
    model = reid_net(2, split_size=(8, 8), sparse_ratio=0.3).eval().double()
    with torch.inference_mode():
        embedding = fuse_for_inference(model).embed(images(2, 384, 128, 2).double())
    expected = torch.from_numpy(golden('reid_s_384x128')['embedding'])
    assert (embedding - expected).norm() < 1e-6 * expected.norm()


def test_the_model_itself_stays_trainable():
    model = tiny_tested_net().train()
    before = [p.requires_grad for p in model.parameters()]
    copy = fuse_for_inference(model)
    assert model.training
    assert [p.requires_grad for p in model.parameters()] == before
    assert not copy.training
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in copy.modules())
    assert sum(isinstance(m, FusedConv) for m in copy.modules()) > 20


def test_torch_still_has_the_kernels():
    """Inductor's; where they go, ``_runs_in_one_pass`` says no and the portable way is taken."""
    assert fused._runs_in_one_pass(torch.zeros(1))
    assert not fused._runs_in_one_pass(torch.zeros(1).double())
    with torch.autocast('cpu', torch.bfloat16):
        assert not fused._runs_in_one_pass(torch.zeros(1))
    wanted = torch.zeros(1, requires_grad=True)
    assert not fused._runs_in_one_pass(wanted)
    with torch.no_grad():
        assert fused._runs_in_one_pass(wanted)


def test_takes_the_grouped_conv_kernel_before_or_after():
    """Marks: a fused convolution computes by the kernel if the net did, or when asked."""
    model = tiny_tested_net()
    assert sum(conv.in_kernel for conv in convolutions(fuse_for_inference(model))) == 0
    # The convolutions of three stages and two branches.
    after = fuse_for_inference(model)
    assert use_grouped_conv_kernel(after) == 18
    assert use_grouped_conv_kernel(model) == 18
    before = fuse_for_inference(model)
    for fused_net in (before, after):
        taken = [conv for conv in convolutions(fused_net) if conv.in_kernel]
        assert len(taken) == 18
        assert {conv.weight.shape[1:] for conv in taken} == {(4, 3, 3)}


def convolutions(model):
    return [layer for layer in model.modules() if isinstance(layer, FusedConv)]


@pytest.mark.parametrize('act', ['ReLU', 'GELU'])
@pytest.mark.parametrize('adds', [False, True])
def test_a_convolution_in_the_kernel(act, adds, monkeypatch):
    """Epilogue: scale, shift and ReLU are the kernel's, another activation follows it."""
    calls = []

    def run(x, weight, shift, stride, relu):
        calls.append(relu)
        return grouped_conv3x3(x, weight, shift, stride, relu)

    monkeypatch.setattr(fused, 'runs_in_kernel', lambda x: True)
    monkeypatch.setattr(fused, 'grouped_conv3x3', run)
    torch.manual_seed(0)
    layers = conv_x(8, 8, 3, 2, groups=2, act_cfg=None if adds else dict(type=act)).eval()
    layers.norm.running_mean.normal_()
    layers.norm.weight.data.uniform_(0.5, 2)
    conv = FusedConv(layers)
    assert conv.take_grouped_conv_kernel()
    x, add = torch.randn(2, 8, 7, 5), torch.randn(2, 8, 4, 3)
    with torch.inference_mode():
        expected = layers(x) + add if adds else layers(x)
        torch.testing.assert_close(conv(x, add if adds else None), expected)
    assert calls == [act == 'ReLU' and not adds]


def test_a_strangers_layers_of_the_same_names_stay_as_they_are():
    layers = torch.nn.Sequential(
        OrderedDict(norm=torch.nn.BatchNorm2d(4), conv=torch.nn.Conv2d(4, 6, 1, bias=True))
    ).eval()
    layers.norm.running_mean.fill_(2)
    batch = torch.rand(1, 4, 5, 5)
    with torch.inference_mode():
        assert torch.equal(fuse_for_inference(layers)(batch), layers(batch))
