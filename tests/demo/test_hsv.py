from __future__ import annotations

import colorsys

import numpy as np
import pytest

from msvitreid.demo.hsv import hsv_histogram


def plain(color: tuple[int, int, int], height: int = 12, width: int = 5) -> np.ndarray:
    return np.full((height, width, 3), color, np.uint8)


def test_a_red_picture_has_one_entry_a_histogram() -> None:
    (descriptor,) = hsv_histogram([plain((255, 0, 0))])
    assert descriptor.shape == (288,)
    assert descriptor.dtype == np.float32
    stripes = descriptor.reshape(6, 48)
    expected = np.zeros(48)
    # Hue 0 of 32 bins, the last of 8 saturations and of 8 values; 18 entries, a unit vector.
    expected[[0, 39, 47]] = 1 / np.sqrt(18)
    np.testing.assert_allclose(stripes, np.tile(expected, (6, 1)), atol=1e-6)


def test_a_grey_picture_has_no_hue() -> None:
    (descriptor,) = hsv_histogram([plain((128, 128, 128))])
    stripes = descriptor.reshape(6, 48)
    expected = np.zeros(48)
    expected[[32, 44]] = 1 / np.sqrt(12)
    np.testing.assert_allclose(stripes, np.tile(expected, (6, 1)), atol=1e-6)


def test_against_a_pixelwise_count() -> None:
    # Colors amid their bins: the two conversions may round differently at the edges.
    rng = np.random.default_rng(0)
    image = np.empty((13, 7, 3), np.uint8)
    counts = np.zeros((6, 48))
    stripe_of_row = [0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    for row in range(13):
        for column in range(7):
            hue, saturation, value = rng.integers(32), rng.integers(1, 8), rng.integers(2, 8)
            rgb = colorsys.hsv_to_rgb(
                (hue + 0.5) / 32, (saturation + 0.5) / 8, (value + 0.5) / 8
            )
            image[row, column] = np.round(np.array(rgb) * 255)
            stripe = counts[stripe_of_row[row]]
            stripe[hue] += (saturation + 0.5) / 8
            stripe[32 + saturation] += 1
            stripe[40 + value] += 1
    for part in (slice(0, 32), slice(32, 40), slice(40, 48)):
        counts[:, part] /= counts[:, part].sum(axis=1, keepdims=True)
    expected = np.sqrt(counts / 18).reshape(-1)
    np.testing.assert_allclose(hsv_histogram([image])[0], expected, atol=0.01)


def test_order_within_a_stripe_does_not_count_and_between_stripes_does() -> None:
    rng = np.random.default_rng(1)
    image = rng.integers(0, 256, (12, 8, 3), np.uint8)
    mirrored, upside_down = image[:, ::-1], image[::-1]
    same, mirror, turned = hsv_histogram([image, mirrored, upside_down])
    np.testing.assert_array_equal(same, mirror)
    assert same @ turned < 0.95


def test_vectors_are_unit_and_sizes_may_differ() -> None:
    rng = np.random.default_rng(2)
    images = [
        rng.integers(0, 256, (h, w, 3), np.uint8) for h, w in ((6, 1), (128, 64), (31, 9))
    ]
    descriptors = hsv_histogram([*images, plain((0, 0, 0))])
    assert descriptors.shape == (4, 288)
    np.testing.assert_allclose(np.linalg.norm(descriptors, axis=1), 1, atol=1e-6)


def test_no_images_give_no_rows() -> None:
    assert hsv_histogram([]).shape == (0, 288)


@pytest.mark.parametrize(
    ('image', 'words'),
    [
        (np.zeros((12, 8), np.uint8), r'shape \(12, 8\)'),
        (np.zeros((12, 8, 4), np.uint8), r'shape \(12, 8, 4\)'),
        (np.zeros((12, 8, 3)), 'float64'),
        (np.zeros((5, 8, 3), np.uint8), '5 rows, give at least 6'),
    ],
)
def test_what_is_no_picture_is_refused(image: np.ndarray, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        hsv_histogram([plain((1, 2, 3)), image])
