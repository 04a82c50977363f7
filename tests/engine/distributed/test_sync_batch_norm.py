import numpy as np
import pytest
import torch
from torch import distributed, nn

from msvitreid.engine.distributed.sync_batch_norm import CPUSyncBatchNorm, synchronize_bn
from msvitreid.errors import ConfigError
from tests.processes import run_ranks

SIZES = (3, 5, 1)


def batch(shape):
    generator = torch.Generator().manual_seed(0)
    return torch.randn(sum(SIZES), *shape, generator=generator, dtype=torch.float64) * 3 + 7


def net(shape):
    torch.manual_seed(1)
    norm = (nn.BatchNorm2d if len(shape) == 3 else nn.BatchNorm1d)(shape[0])
    nn.init.normal_(norm.weight)
    nn.init.normal_(norm.bias)
    return nn.Sequential(norm, nn.Sigmoid()).double()


def step(layers, x):
    x = x.clone().requires_grad_()
    # Not the sum of outputs, whose gradient BatchNorm makes zero.
    (
        layers(x).square() * torch.arange(x.shape[1]).view(-1, *[1] * (x.dim() - 2))
    ).sum().backward()
    return [x.grad.numpy(), *(p.grad.numpy() for p in layers.parameters())], [
        b.numpy() for b in layers.buffers()
    ]


def on_a_rank(shape):
    layers = synchronize_bn(net(shape))
    assert isinstance(layers[0], CPUSyncBatchNorm)
    own = batch(shape).split(SIZES)[distributed.get_rank()]
    gradients, buffers = step(layers, own)
    for gradient in gradients[1:]:
        distributed.all_reduce(torch.from_numpy(gradient))
    layers.eval()
    return gradients, buffers, layers(own).detach().numpy()


@pytest.mark.parametrize('shape', [(4, 3, 2), (4,)], ids=['2d', '1d'])
def test_equals_one_process_with_the_joint_batch(shape):
    layers = net(shape)
    gradients, buffers = step(layers, batch(shape))
    layers.eval()
    outputs = np.split(layers(batch(shape)).detach().numpy(), np.cumsum(SIZES)[:-1])
    inputs = np.split(gradients[0], np.cumsum(SIZES)[:-1])
    for rank, result in enumerate(run_ranks(on_a_rank, 3, shape)):
        np.testing.assert_allclose(result[0][0], inputs[rank], rtol=1e-9, atol=1e-12)
        for found, wanted in zip(result[0][1:], gradients[1:], strict=True):
            np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-12)
        for found, wanted in zip(result[1], buffers, strict=True):
            np.testing.assert_allclose(found, wanted, rtol=1e-12)
        np.testing.assert_allclose(result[2], outputs[rank], rtol=1e-12)


def test_parameters_and_buffers_stay_the_same_objects():
    def convert():
        layers = net((4,))
        before = [*layers.parameters(), *layers.buffers()]
        synchronize_bn(layers)
        after = [*layers.parameters(), *layers.buffers()]
        return all(a is b for a, b in zip(before, after, strict=True))

    assert run_ranks(convert, 2) == [True, True]


def test_half_precision_keeps_its_type_and_float32_statistics():
    def half():
        layers = synchronize_bn(nn.Sequential(nn.BatchNorm1d(2)))
        x = torch.tensor([[1000.0, 1.0], [1001.0, 2.0]]).half()
        return layers(x).dtype == torch.float16, layers[0].running_mean[0].item()

    same_type, mean = run_ranks(half, 2)[0]
    assert same_type
    assert mean == pytest.approx(100.05, rel=1e-6)


@pytest.mark.parametrize('options', [{'momentum': None}, {'track_running_stats': False}])
def test_what_it_cannot_do_is_refused(options):
    with pytest.raises(ConfigError, match='running statistics only, not BatchNorm1d'):
        run_ranks(lambda: synchronize_bn(nn.Sequential(nn.BatchNorm1d(2, **options))), 2)


def test_without_weight_and_bias():
    def normalized():
        layers = nn.Sequential(nn.BatchNorm1d(1, affine=False), nn.Linear(1, 1))
        x = torch.tensor([[2.0 * distributed.get_rank()]])
        return synchronize_bn(layers)[0](x).item()

    assert run_ranks(normalized, 2) == pytest.approx([-1, 1], abs=1e-4)


def test_alone_nothing_changes():
    layers = net((4,))
    assert type(synchronize_bn(layers)[0]) is nn.BatchNorm1d
