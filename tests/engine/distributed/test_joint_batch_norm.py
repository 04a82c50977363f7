"""The BatchNorm that other tests compare several processes with one by."""

import numpy as np
import pytest
import torch
from torch import distributed, nn

from tests.processes import run_ranks

from .joint_batch_norm import JointBatchNorm, join_batch_norms

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
    layers = join_batch_norms(net(shape))
    assert isinstance(layers[0], JointBatchNorm)
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
