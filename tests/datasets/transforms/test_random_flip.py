"""Flips are mmcv's; a fixed seed gives those that earlier versions drew."""

from __future__ import annotations

import mmcv.transforms
import numpy as np
import pytest

from msvitreid.registry import TRANSFORMS

IMAGE = np.arange(5 * 4 * 3, dtype=np.uint8).reshape(5, 4, 3)


def test_a_fixed_seed_gives_the_recorded_flips():
    """Drawn by the class that this package had until it was replaced by mmcv's."""
    flip = TRANSFORMS.build({'type': 'RandomFlip', 'prob': 0.5})
    assert type(flip) is mmcv.transforms.RandomFlip
    np.random.seed(0)  # noqa: NPY002
    flips = ''.join('.F'[flip({'img': IMAGE})['flip']] for _ in range(24))
    assert flips == '....F.F..F....FFF.....F.'
    # One number of the stream an image.
    assert np.random.random_sample() == pytest.approx(0.11827442586893322)  # noqa: NPY002


@pytest.mark.parametrize(('prob', 'image'), [(0.0, IMAGE), (1.0, IMAGE[:, ::-1])])
def test_never_and_always(prob, image):
    flip = TRANSFORMS.build({'type': 'RandomFlip', 'prob': prob})
    assert all(np.array_equal(flip({'img': IMAGE})['img'], image) for _ in range(20))
