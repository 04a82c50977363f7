from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from msvitreid.datasets import LetterboxResize
from msvitreid.datasets.transforms.image_preparation import (
    ImagePreparation,
    inference_pipeline,
)
from msvitreid.errors import ConfigError
from msvitreid.registry import TRANSFORMS


def boxed(img, size, fill=0):
    return LetterboxResize(size[::-1], fill)({'img': img, 'img_path': 'x.jpg'})['img']


def image_of(height, width, seed=0):
    return np.random.default_rng(seed).integers(1, 256, (height, width, 3), np.uint8)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 90), st.integers(1, 90), st.integers(1, 60), st.integers(1, 60))
def test_the_aspect_ratio_is_kept_and_the_rest_is_padding(rows, columns, height, width):
    result = boxed(np.full((rows, columns, 3), 255, np.uint8), (height, width))
    assert result.shape == (height, width, 3)
    ys, xs = np.nonzero(result[..., 0])
    inside = result[ys.min() : ys.max() + 1, xs.min() : xs.max() + 1]
    assert (inside == 255).all()
    scale = min(height / rows, width / columns)
    assert abs(inside.shape[0] - rows * scale) <= 1
    assert abs(inside.shape[1] - columns * scale) <= 1
    # One side is filled, and the other padded alike at both ends.
    assert inside.shape[0] == height or inside.shape[1] == width
    assert abs(ys.min() - (height - 1 - ys.max())) <= 1
    assert abs(xs.min() - (width - 1 - xs.max())) <= 1


def test_a_crop_of_128x48_is_copied_into_128x64():
    """Native crops of 48x128 pixels are not distorted: their pixels stay as they are."""
    img = image_of(128, 48)
    result = boxed(img, (128, 64), fill=(10, 20, 30))
    np.testing.assert_array_equal(result[:, 8:56], img)
    assert (result[:, :8] == (10, 20, 30)).all()
    assert (result[:, 56:] == (10, 20, 30)).all()


def test_an_image_of_the_aspect_is_resized_as_by_resize():
    img = image_of(100, 50)
    resize = TRANSFORMS.build(dict(type='Resize', scale=(64, 128)))
    np.testing.assert_array_equal(boxed(img, (128, 64)), resize({'img': img.copy()})['img'])


def test_a_model_file_prepares_images_as_training_does(tmp_path):
    """Training and inference would differ where a file's preprocessing lost the padding."""
    steps = [
        dict(type='LoadImage'),
        dict(type='LetterboxResize', scale=(32, 64), fill=114),
        dict(type='PackReIDInputs'),
    ]
    path = str(tmp_path / 'x.png')
    cv2.imwrite(path, image_of(75, 31))
    entry = {'img_path': path}
    for step in steps:
        entry = TRANSFORMS.build(step)(entry)
    pipeline, value_range = inference_pipeline(steps, (64, 32))
    assert pipeline == [{'type': 'LetterboxResize', 'scale': [32, 64], 'fill': 114}]
    preparation = ImagePreparation(pipeline, value_range)
    assert preparation.output_size() == (64, 32)
    assert preparation.of_file(path).equal(entry['inputs'])


@pytest.mark.parametrize(
    ('options', 'key'),
    [
        ({'scale': 64}, 'scale'),
        ({'scale': (64, 0)}, 'scale'),
        ({'scale': (64, 32, 3)}, 'scale'),
        ({'scale': (64, 32), 'fill': 256}, 'fill'),
        ({'scale': (64, 32), 'fill': (0, 0)}, 'fill'),
        ({'scale': (64, 32), 'fill': 0.5}, 'fill'),
    ],
    ids=str,
)
def test_bad_options(options, key):
    with pytest.raises(ConfigError, match=key):
        LetterboxResize(**options)
