"""The class: weights of the right name and shape whose numbers cannot be weights."""

import pytest
import torch
from torch import nn

from msvitreid.checkpoints import are_finite, fill_model
from msvitreid.errors import CheckpointError


class Net(nn.Sequential):
    """With a mask, whose infinities are as they must be."""

    def __init__(self):
        super().__init__(nn.Linear(3, 2), nn.BatchNorm1d(2))
        self.register_buffer('mask', torch.tensor([0.0, float('-inf')]))
        self.register_buffer('small', torch.zeros(2, dtype=torch.int8))


WEIGHT, MEAN, VAR = '0.weight', '1.running_mean', '1.running_var'
FAULTS = {
    'complex': (WEIGHT, torch.zeros(2, 3, dtype=torch.complex64), 'complex64'),
    'integers': (WEIGHT, torch.zeros(2, 3, dtype=torch.int64), 'int64'),
    'booleans': (WEIGHT, torch.zeros(2, 3, dtype=torch.bool), 'bool'),
    'infinite': (WEIGHT, torch.full((2, 3), float('inf')), 'NaN or infinite'),
    'NaN': (WEIGHT, torch.full((2, 3), float('nan')), 'NaN or infinite'),
    'too large for float32': (
        WEIGHT,
        torch.full((2, 3), 1e300, dtype=torch.float64),
        'float32 cannot hold',
    ),
    'NaN mean': (MEAN, torch.full((2,), float('nan')), 'NaN or infinite'),
    'infinite variance': (VAR, torch.full((2,), float('inf')), 'NaN or infinite'),
    'negative variance': (VAR, torch.tensor([1.0, -1e-3]), 'negative variances'),
    'count that is a float': (
        '1.num_batches_tracked',
        torch.tensor(3.5),
        'float32 where the model has torch.int64',
    ),
    'integer that is too large': (
        'small',
        torch.tensor([1, 1000]),
        'integers that torch.int8 cannot hold',
    ),
    'sparse': (WEIGHT, torch.ones(2, 3).to_sparse(), 'sparse'),
    'no data': (WEIGHT, torch.empty(2, 3, device='meta'), 'no data'),
}


@pytest.mark.parametrize(('name', 'value', 'fault'), FAULTS.values(), ids=FAULTS)
def test_numbers_that_are_no_weights(name, value, fault):
    model = Net()
    before = {key: weight.clone() for key, weight in model.state_dict().items()}
    with pytest.raises(CheckpointError, match=rf"a\.pth.*'{name}' .*{fault}"):
        fill_model(model, {**model.state_dict(), name: value}, 'a.pth')
    assert all(torch.equal(weight, before[key]) for key, weight in model.state_dict().items())


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions_are_taken(dtype):
    model = Net()
    weights = {
        name: weight.to(dtype) if weight.is_floating_point() else weight
        for name, weight in model.state_dict().items()
    }
    weights[WEIGHT] = torch.full((2, 3), 1.5, dtype=dtype)
    fill_model(model, weights, 'a.pth')
    assert model[0].weight.tolist() == [[1.5] * 3] * 2
    assert model[0].weight.dtype == torch.float32


def test_finite_numbers():
    assert are_finite(torch.ones(2))
    assert not are_finite(torch.tensor([1.0, float('nan')]))
    assert are_finite(torch.ones(3, dtype=torch.int64))
    assert not are_finite(torch.tensor(float('nan')).expand(10**6, 10**6, 10**3))
    assert are_finite(torch.ones(2).to(torch.float8_e4m3fn))
    assert not are_finite(torch.tensor([1e5]), torch.float16)
