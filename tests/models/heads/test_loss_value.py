import pytest
import torch
from torch import nn

from msvitreid.errors import ConfigError
from msvitreid.models import BNNeckHead, SingleBNNeckHead
from msvitreid.models.heads.loss_value import loss_value
from msvitreid.registry import MODELS
from msvitreid.structures import ReIDDataSample


class Given(nn.Module):
    """Gives what it is made with."""

    def __init__(self, value) -> None:
        super().__init__()
        self.value = value

    def forward(self, prediction, labels):
        return self.value


@pytest.mark.parametrize(
    'value', [torch.tensor(2.5), torch.tensor([2.5]), torch.tensor([[2.5]])]
)
def test_one_number(value):
    found = loss_value(Given(value), torch.rand(4, 3), torch.zeros(4))
    assert found.shape == ()
    assert found.item() == 2.5


@pytest.mark.parametrize(
    ('value', 'named'),
    [
        (torch.zeros(4), r'a tensor \(4,\)'),
        (torch.zeros(0), r'a tensor \(0,\)'),
        (None, 'None'),
        ({'loss': 1.0}, r"\{'loss': 1\.0\}"),
    ],
)
def test_anything_else_is_refused(value, named):
    with pytest.raises(ConfigError, match=f'Given .* got {named};'):
        loss_value(Given(value), torch.rand(4, 3), torch.zeros(4))


@pytest.mark.parametrize('head', [BNNeckHead, SingleBNNeckHead])
@pytest.mark.parametrize('option', ['loss_cls', 'loss_triplet'])
def test_the_heads_refuse_one_number_an_image(head, option):
    with MODELS.switch_scope_and_registry('msvitreid'):
        made = head(
            num_classes=2,
            num_vectors=2,
            in_channels=8,
            **{option: {'type': Given, 'value': torch.zeros(4)}},
        )
    samples = [ReIDDataSample(label=label) for label in (0, 0, 1, 1)]
    with pytest.raises(ConfigError, match='Given must give one number for a batch'):
        made.loss(list(torch.randn(2, 4, 8)), samples)
