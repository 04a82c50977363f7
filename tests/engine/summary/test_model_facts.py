import pytest
from torch import nn

from msvitreid.engine.summary import model_facts
from msvitreid.registry import MODELS


def net(**parts):
    whole = nn.Module()
    for name, part in parts.items():
        setattr(whole, name, part)
    return whole


def frozen(*layers):
    """Layers of 2 parameters each, frozen."""
    part = nn.Module()
    for layer in layers:
        part.add_module(layer, nn.Sequential(nn.Linear(1, 1)).requires_grad_(False))
    return part


def test_frozen_modules_are_named_once():
    model = net(neck=nn.Linear(2, 2), head=frozen('a', 'b'))
    assert model_facts.title(model) == 'Module (Linear, Module): 10 parameters'
    assert model_facts.title(model, trains=True) == (
        'Module (Linear, Module): 10 parameters, 4 frozen (head.a, head.b)'
    )


@pytest.mark.parametrize(
    ('head', 'text'),
    [
        ({}, 'CrossEntropyLoss x 5, BatchHardTripletLoss x 3'),
        ({'num_vectors': 1}, 'CrossEntropyLoss, BatchHardTripletLoss'),
        ({'triplet_vectors': 0}, 'CrossEntropyLoss x 5'),
        (
            {'triplet_weight': 5e-4},
            'CrossEntropyLoss x 5, BatchHardTripletLoss x 3, weight 0.0005',
        ),
        (
            {'type': 'SingleBNNeckHead', 'triplet_weight': 0.5},
            'CrossEntropyLoss, BatchHardTripletLoss, weight 0.5',
        ),
    ],
)
def test_losses_are_counted_and_weighted(head, text):
    head = {'type': 'BNNeckHead', 'in_channels': 4, 'num_classes': 3, **head}
    assert ', '.join(model_facts.losses(net(head=MODELS.build(head)))) == text


def test_losses_of_a_head_that_counts_no_vectors():
    several = nn.ModuleList([nn.L1Loss(), nn.L1Loss()])
    head = net(losses=several, loss_module=nn.CrossEntropyLoss(), loss_other=nn.ModuleList())
    assert list(model_facts.losses(net(head=head))) == ['L1Loss x 2', 'CrossEntropyLoss']
    assert list(model_facts.losses(net())) == []
