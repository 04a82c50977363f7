from __future__ import annotations

import numpy as np
import pytest

from msvitreid.apis.tracking import TrackerEncoder
from tests.apis.tiny_model import write_tiny_model


@pytest.fixture(scope='session')
def model_file(tmp_path_factory):
    return write_tiny_model(tmp_path_factory.mktemp('tracking'))


@pytest.fixture(scope='session')
def encoder(model_file):
    return TrackerEncoder(model_file, device='cpu')


@pytest.fixture(scope='session')
def frame():
    """A BGR frame of 120 x 200 whose parts differ."""
    random = np.random.default_rng(0)
    coarse = random.integers(0, 256, (6, 10, 3), np.uint8)
    return coarse.repeat(20, axis=0).repeat(20, axis=1)
