import math

import pytest
import torch

from msvitreid.errors import ConfigError
from msvitreid.models import GlobalPoolingNeck
from msvitreid.registry import MODELS

VALUES = torch.tensor([[[[1.0, 2.0], [0.0, 3.0]]]])


@pytest.mark.parametrize(
    ('pooling', 'expected'),
    [('avg', 1.5), ('max', 3.0), ('rms', math.sqrt(14 / 4)), ('gem', (36 / 4) ** (1 / 3))],
)
def test_one_vector_a_map(pooling, expected):
    neck = GlobalPoolingNeck(pooling)
    vectors = neck([VALUES, 2 * VALUES])
    assert [v.shape for v in vectors] == [(1, 1), (1, 1)]
    assert [v.item() for v in vectors] == pytest.approx([expected, 2 * expected], rel=1e-5)
    assert neck.count_vectors(2) == 2


def test_gem_with_power_one_is_the_mean_and_with_a_large_one_nearly_the_maximum():
    assert GlobalPoolingNeck('gem', power=1)([VALUES])[0].item() == pytest.approx(1.5, rel=1e-5)
    assert GlobalPoolingNeck('gem', power=80)([VALUES])[0].item() == pytest.approx(3, rel=0.02)


def test_gem_learns_its_power():
    neck = GlobalPoolingNeck('gem').double()
    x = torch.rand(2, 3, 4, 2, dtype=torch.float64)

    def pooled(power):
        return x.pow(power).mean((2, 3)).pow(1 / power).sum()

    neck([x])[0].sum().backward()
    step = 1e-6
    slope = (pooled(3 + step) - pooled(3 - step)) / (2 * step)
    assert neck.power.grad.item() == pytest.approx(slope.item(), rel=1e-6)


@pytest.mark.parametrize('power', [1, 3, 10, 50])
def test_gem_of_a_dead_channel_has_finite_gradients(power):
    neck = GlobalPoolingNeck('gem', power)
    x = torch.cat([torch.zeros(1, 1, 2, 2), VALUES], dim=1).requires_grad_()
    neck([x])[0].sum().backward()
    assert torch.isfinite(x.grad).all()
    assert torch.isfinite(neck.power.grad)


def test_other_poolings_have_no_weights():
    assert [dict(GlobalPoolingNeck(p).named_parameters()) for p in ('avg', 'max', 'rms')] == [
        {}
    ] * 3


def test_a_vector_stays_as_it_is():
    token = torch.rand(2, 5)
    assert GlobalPoolingNeck('gem')([token])[0] is token


def test_mistakes():
    for option, value in (('pooling', 'mean'), ('power', 0)):
        with pytest.raises(
            ConfigError, match=rf'GlobalPoolingNeck\.{option}: .* got {value!r}'
        ):
            MODELS.build({'type': 'GlobalPoolingNeck', option: value})
