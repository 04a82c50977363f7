"""Class of faults: a wrong option is refused in a config, and taken without a word in Python."""

from __future__ import annotations

import inspect

import pytest

from msvitreid.engine.hooks import NonFiniteLossHook, UnreadableImageHook, WeightAverageHook
from msvitreid.errors import ConfigError
from msvitreid.evaluation.metrics import RandomGalleryMetric, ReIDMetric, RetrievalMetric
from msvitreid.models.backbones import MSViT
from msvitreid.models.batch_augments import BatchRandomErasing
from msvitreid.models.heads import BNNeckHead, ImageNetHead, SingleBNNeckHead
from msvitreid.models.losses import BatchHardTripletLoss
from msvitreid.models.necks import GlobalPoolingNeck, PartPoolingNeck
from msvitreid.registry import MODELS
from msvitreid.registry.checked import checked

WRONG = [
    (MSViT, dict(drop_path_rate=2.0)),
    (MSViT, dict(frozen_stages=4)),
    (MSViT, dict(with_cp='yes')),
    (PartPoolingNeck, dict(part_mode='interleave')),
    (PartPoolingNeck, dict(num_parts=-1)),
    (GlobalPoolingNeck, dict(power=0)),
    (BNNeckHead, dict(triplet_weight=-1.0)),
    (BNNeckHead, dict(num_classes=0)),
    (ImageNetHead, dict(num_classes=0)),
    (SingleBNNeckHead, dict(num_vectors=0)),
    (BatchHardTripletLoss, dict(margin=-0.3)),
    (BatchHardTripletLoss, dict(margin='soft')),
    (BatchRandomErasing, dict(prob=1.5)),
    (BatchRandomErasing, dict(max_area=float('nan'))),
    (NonFiniteLossHook, dict(patience=0)),
    (UnreadableImageHook, dict(max_share=2)),
    (WeightAverageHook, dict(begin=0)),
    (ReIDMetric, dict(ap='trapezoids')),
    (RandomGalleryMetric, dict(draws=0)),
    (RetrievalMetric, dict(bootstrap=-1)),
]


@pytest.mark.parametrize(('component', 'options'), WRONG)
def test_wrong_options_are_refused_without_a_config(component, options):
    (name,) = options
    with pytest.raises(ConfigError, match=rf'{component.__name__}\.{name}: expected .*, got'):
        component(**options)


def test_all_problems_at_once_by_position_too():
    with pytest.raises(ConfigError, match=r'MSViT\.num_branches: .*; MSViT\.last_stride: '):
        MSViT(num_branches=0, last_stride=0)
    with pytest.raises(ConfigError, match=r'BatchHardTripletLoss\.margin'):
        BatchHardTripletLoss(-1)


def test_a_class_of_ones_own():
    """A subclass that passes options on is checked by what its base takes."""

    @checked
    class Base:
        def __init__(self, size: int = 1, *sizes: int, **others: int) -> None:
            self.size, self.others = size, others

    class Own(Base):
        def __init__(self, own: str) -> None:
            super().__init__(len(own), other=own)

    assert Own('abc').others == {'other': 'abc'}
    assert list(inspect.signature(Base).parameters) == ['size', 'sizes', 'others']
    with pytest.raises(ConfigError, match=r'Base\.size: expected an integer'):
        Base('1')
    with pytest.raises(TypeError):
        Own()


def test_a_config_is_still_checked_as_a_whole():
    with pytest.raises(ConfigError, match=r'2 problems'):
        MODELS.build(dict(type='MSViT', num_branches=0, drop_path=0.1))
