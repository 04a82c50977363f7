"""The published chains, mmcv's transforms among them, against plain NumPy."""

from __future__ import annotations

import numpy as np
import pytest
from mmengine.dataset import Compose
from PIL import Image

from msvitreid.datasets import LoadImage, PackReIDInputs
from msvitreid.registry import TRANSFORMS

SOURCE = np.random.default_rng(5).integers(0, 256, size=(13, 9, 3)).astype(np.uint8)
HEIGHT, WIDTH = 24, 12


@pytest.fixture
def entry(tmp_path):
    Image.fromarray(SOURCE).save(tmp_path / 'x.png')
    return {
        'img_path': str(tmp_path / 'x.png'),
        'pid': 1,
        'camid': 1,
        'split': 'query',
        'sample_idx': 0,
    }


def pipeline(*middle):
    return Compose(
        [LoadImage(), *(TRANSFORMS.build(transform) for transform in middle), PackReIDInputs()]
    )


def bilinear(img, height, width):
    """Pixel centres aligned, edges clamped, no smoothing when shrinking."""

    def weights(old, new):
        at = np.clip((np.arange(new) + 0.5) * old / new - 0.5, 0, old - 1)
        low = np.minimum(at.astype(int), max(old - 2, 0))
        matrix = np.zeros((new, old))
        matrix[np.arange(new), low] += 1 - (at - low)
        matrix[np.arange(new), np.minimum(low + 1, old - 1)] += at - low
        return matrix

    rows, columns = weights(img.shape[0], height), weights(img.shape[1], width)
    return np.einsum('ih,hwc,jw->ijc', rows, img, columns)


def test_person_test_chain(entry):
    test = pipeline({'type': 'Resize', 'scale': (WIDTH, HEIGHT)})
    inputs = test(entry)['inputs'].numpy()
    expected = bilinear(SOURCE, HEIGHT, WIDTH).transpose(2, 0, 1)
    assert np.abs(inputs - expected).max() <= 1


def test_resize_does_not_smooth_when_shrinking(entry):
    inputs = pipeline({'type': 'Resize', 'scale': (4, 3)})(entry)['inputs'].numpy()
    assert np.abs(inputs - bilinear(SOURCE, 3, 4).transpose(2, 0, 1)).max() <= 1


def test_fine_grained_test_chain(entry):
    test = pipeline(
        {'type': 'Resize', 'scale': (WIDTH + 32, HEIGHT + 32)},
        {'type': 'CenterCrop', 'crop_size': (WIDTH, HEIGHT)},
    )
    inputs = test(entry)['inputs'].numpy()
    expected = bilinear(SOURCE, HEIGHT + 32, WIDTH + 32)[16:-16, 16:-16]
    assert np.abs(inputs - expected.transpose(2, 0, 1)).max() <= 1


def candidates(img, crops):
    """Every image that the random crops, then a flip or none, can make of ``img``."""
    images = [img]
    for padding in crops:
        pad = ((padding, padding), (padding, padding), (0, 0))
        images = [
            padded[top : top + HEIGHT, left : left + WIDTH]
            for padded in (np.pad(image, pad, mode='symmetric') for image in images)
            for top in range(padded.shape[0] - HEIGHT + 1)
            for left in range(padded.shape[1] - WIDTH + 1)
        ]
    return {
        np.ascontiguousarray(view.transpose(2, 0, 1)).tobytes(): flipped
        for image in images
        for flipped, view in ((False, image), (True, image[:, ::-1]))
    }


@pytest.mark.parametrize(
    ('margin', 'crops', 'padding'),
    [
        pytest.param(0, [{'padding': 8}], [8], id='person'),
        # A second padding of 1 instead of 8 and a margin of 2 instead of 32 keep the
        # number of possible outcomes small.
        pytest.param(2, [{}, {'padding': 1}], [0, 1], id='fine-grained'),
    ],
)
def test_training_chains(entry, margin, crops, padding):
    size = (HEIGHT, WIDTH)
    resize = {'type': 'Resize', 'scale': (WIDTH + margin, HEIGHT + margin)}
    train = pipeline(
        resize,
        *({'type': 'RandomCrop', 'size': size, **crop} for crop in crops),
        {'type': 'RandomFlip', 'prob': 0.5},
    )
    resized = pipeline(resize)(entry.copy())['inputs'].numpy().transpose(1, 2, 0)
    possible = candidates(resized, padding)
    np.random.seed(3)  # noqa: NPY002
    flips = [possible[train(entry.copy())['inputs'].numpy().tobytes()] for _ in range(200)]
    assert 65 < sum(flips) < 135
