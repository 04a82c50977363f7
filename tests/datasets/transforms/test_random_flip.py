from __future__ import annotations

import mmcv.transforms
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mmcv.transforms.utils import cache_random_params

from msvitreid.datasets.transforms import RandomFlip
from msvitreid.registry import TRANSFORMS

IMAGE = np.arange(5 * 4 * 3, dtype=np.uint8).reshape(5, 4, 3)


def outcomes(flip, seed, count=40):
    """Images, directions, and where the random stream stands after them."""
    np.random.seed(seed)  # noqa: NPY002
    results = [flip({'img': IMAGE.copy()}) for _ in range(count)]
    seen = [(result['img'].tobytes(), result['flip_direction']) for result in results]
    return seen, np.random.random_sample()  # noqa: NPY002


@settings(max_examples=40, deadline=None)
@given(
    st.floats(0, 1),
    st.sampled_from(['horizontal', 'vertical', ['horizontal', 'vertical', 'diagonal']]),
    st.integers(0, 2**31),
)
def test_draws_are_those_of_mmcv(prob, direction, seed):
    ours, theirs = RandomFlip(prob, direction), mmcv.transforms.RandomFlip(prob, direction)
    assert outcomes(ours, seed) == outcomes(theirs, seed)


def test_a_chance_for_each_direction():
    options = [0.2, 0.3], ['vertical', 'horizontal']
    ours, theirs = RandomFlip(*options), mmcv.transforms.RandomFlip(*options)
    assert outcomes(ours, 5) == outcomes(theirs, 5)
    assert {direction for _, direction in outcomes(ours, 5)[0]} == {*options[1], None}


@pytest.mark.parametrize(('prob', 'flipped'), [(0.0, False), (1.0, True)])
def test_never_and_always(prob, flipped):
    for _ in range(50):
        result = RandomFlip(prob)({'img': IMAGE})
        assert np.array_equal(result['img'], IMAGE[:, ::-1] if flipped else IMAGE)


def test_the_draws_are_half_open(monkeypatch):
    flip = RandomFlip(0.25)
    for draw, flipped in ((0.0, True), (np.nextafter(0.25, 0), True), (0.25, False)):
        monkeypatch.setattr(np.random, 'random_sample', lambda draw=draw: draw)
        assert flip({'img': IMAGE})['flip'] is flipped


def test_draws_can_be_shared_as_those_of_mmcv():
    flip = RandomFlip(0.5)
    with cache_random_params(flip):
        assert len({flip({'img': IMAGE})['flip'] for _ in range(30)}) == 1


def test_configs_get_it_by_name():
    assert type(TRANSFORMS.build({'type': 'RandomFlip', 'prob': 0.5})) is RandomFlip
