import pytest
from torch import nn

from msvitreid.engine.summary import model_facts
from msvitreid.registry import MODELS


def net(**parts):
    whole = nn.Module()
    for name, part in parts.items():
        setattr(whole, name, part)
    return whole


def frozen(*layers, **attributes):
    """Layers a, b, ... of 2 parameters each, frozen."""
    part = nn.Module()
    for layer in layers:
        part.add_module(layer, nn.Sequential(nn.Linear(1, 1)).requires_grad_(False))
    for name, value in attributes.items():
        setattr(part, name, value)
    return part


@pytest.mark.parametrize(
    ('layers', 'text'),
    [
        ('', '0 frozen'),
        ('a', '2 frozen (head.a)'),
        ('abc', '6 frozen (head.a, head.b, head.c)'),
        ('abcd', '8 frozen (head.a, head.b, head.c, ...)'),
    ],
)
def test_frozen_modules_are_named_once_and_not_without_end(layers, text):
    model = net(neck=nn.Linear(2, 2), head=frozen(*layers))
    total = 6 + 2 * len(layers)
    assert model_facts.trained_title(model) == (
        f'Module (Linear, Module): {total} parameters, 6 trained, {text}'
    )


@pytest.mark.parametrize(
    ('backbone', 'text'),
    [
        (nn.Linear(2, 2), ''),
        (frozen('stem'), 'backbone.stem frozen as initialized'),
        (frozen('stem', frozen_stages=-1), 'backbone.stem frozen as initialized'),
        (frozen('stem', frozen_stages=None), 'backbone.stem frozen as initialized'),
        (
            frozen('stem', 'stages', frozen_stages=0),
            'backbone.stem, backbone.stages frozen as initialized: '
            'model.backbone.frozen_stages=-1 trains all',
        ),
    ],
)
def test_the_option_is_named_where_the_backbone_has_it(backbone, text):
    assert model_facts.untrained_start(net(backbone=backbone, head=frozen('a'))) == text


def test_the_named_option_trains_all_of_msvit():
    options = dict(type='MSViT', arch=dict(dims=(8,) * 4, blocks=(1,) * 4, heads=(1,) * 3))
    for stages, found in ((0, True), (2, True), (-1, False)):
        backbone = MODELS.build({**options, 'frozen_stages': stages})
        assert bool(model_facts.untrained_start(net(backbone=backbone))) == found


@pytest.mark.parametrize(
    ('head', 'text'),
    [
        ({}, 'CrossEntropyLoss on 5 vectors, BatchHardTripletLoss on 3'),
        ({'num_vectors': 1}, 'CrossEntropyLoss on 1 vector, BatchHardTripletLoss on 1'),
        ({'triplet_vectors': 0}, 'CrossEntropyLoss on 5 vectors'),
        (
            {'triplet_weight': 5e-4},
            'CrossEntropyLoss on 5 vectors, BatchHardTripletLoss on 3, weight 0.0005',
        ),
        (
            {'type': 'SingleBNNeckHead', 'triplet_weight': 0.5},
            'CrossEntropyLoss, BatchHardTripletLoss, weight 0.5',
        ),
    ],
)
def test_losses_are_counted_and_weighted(head, text):
    head = {'type': 'BNNeckHead', 'in_channels': 4, 'num_classes': 3, **head}
    assert model_facts.losses(net(head=MODELS.build(head))) == text


def test_losses_of_a_head_that_counts_no_vectors():
    several = nn.ModuleList([nn.L1Loss(), nn.L1Loss()])
    head = net(losses=several, loss_module=nn.CrossEntropyLoss(), loss_other=nn.ModuleList())
    assert model_facts.losses(net(head=head)) == 'L1Loss x 2, CrossEntropyLoss'
    assert model_facts.losses(net()) == ''
