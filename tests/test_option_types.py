from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from torch import nn

from msvitreid.errors import ConfigError
from msvitreid.option_types import refuse_wrong_types
from msvitreid.registry import MODELS


class Part:
    def __init__(
        self,
        rate: float = 0.1,
        count: int | None = None,
        name: str = 'x',
        on: bool = False,
        sizes: Sequence[int] = (),
        loss: dict | None = None,
        anything=None,
    ) -> None: ...


class Ours(Part):
    __module__ = 'msvitreid.models'


@pytest.mark.parametrize(
    'options',
    [
        {'rate': 1, 'count': None, 'name': 'y', 'on': True, 'sizes': [1, 2]},
        {'rate': np.float32(0.5), 'count': np.int64(3), 'sizes': ()},
        {'loss': 'any', 'anything': object(), 'unknown': 3, 'type': 'Ours'},
    ],
)
def test_values_that_fit(options):
    refuse_wrong_types("model 'Ours'", Ours, options)


@pytest.mark.parametrize(
    ('options', 'sentence'),
    [
        ({'rate': 'abc'}, "rate must be a number, got 'abc'"),
        ({'rate': True}, 'rate must be a number, got True'),
        ({'count': 2.5}, r'count must be a whole number or None, got 2\.5'),
        ({'name': 5}, 'name must be a string, got 5'),
        ({'on': 1}, 'on must be True or False, got 1'),
        ({'sizes': 4}, 'sizes must be a list of whole numbers, got 4'),
        ({'sizes': '4,4'}, "sizes must be a list of whole numbers, got '4,4'"),
    ],
)
def test_values_that_do_not(options, sentence):
    with pytest.raises(ConfigError, match=f"model 'Ours': {sentence}"):
        refuse_wrong_types("model 'Ours'", Ours, options)
    refuse_wrong_types("model 'Part'", Part, options)  # of another package


def test_the_registry_looks_before_it_builds():
    with pytest.raises(ConfigError, match="model 'PartPoolingNeck': num_parts must be a whole"):
        MODELS.build({'type': 'PartPoolingNeck', 'num_parts': 'abc'})
    with pytest.raises(
        ConfigError, match="model 'BatchHardTripletLoss': margin must be a number"
    ):
        MODELS.build({'type': 'BatchHardTripletLoss', 'margin': 'big'})
    assert isinstance(MODELS.build({'type': 'mmengine.ReLU', 'inplace': 1}), nn.ReLU)
