from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from msvitreid.datasets import RandomCrop
from msvitreid.errors import ConfigError


def image_of(height, width):
    """An image in which every pixel is unlike every other, as ``(row, column, 7)``."""
    rows, columns = np.meshgrid(np.arange(height), np.arange(width), indexing='ij')
    return np.stack([rows, columns, np.full_like(rows, 7)], axis=-1).astype(np.uint8)


def windows(img, size, padding):
    """Every window that may be cropped, as bytes -> its corner."""
    padded = np.pad(img, ((padding, padding), (padding, padding), (0, 0)), mode='symmetric')
    corners = np.ndindex(padded.shape[0] - size[0] + 1, padded.shape[1] - size[1] + 1)
    return {
        padded[top : top + size[0], left : left + size[1]].tobytes(): (top, left)
        for top, left in corners
    }


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 14), st.integers(1, 14), st.integers(0, 9), st.integers(0, 2**31), st.data()
)
def test_result_is_a_window_of_the_mirrored_image(height, width, padding, seed, data):
    size = (
        data.draw(st.integers(1, height + 2 * padding)),
        data.draw(st.integers(1, width + 2 * padding)),
    )
    img = image_of(height, width)
    np.random.seed(seed)  # noqa: NPY002
    results = RandomCrop(size, padding)({'img': img.copy()})
    assert results['img'].shape == (*size, 3)
    assert results['img_shape'] == size
    assert results['img'].tobytes() in windows(img, size, padding)


@pytest.mark.parametrize(('shape', 'padding'), [((6, 5), 2), ((8, 9), 0)])
def test_every_place_is_equally_likely(shape, padding):
    img, crop = image_of(*shape), RandomCrop([6, 5], padding)
    places = windows(img, (6, 5), padding)
    np.random.seed(0)  # noqa: NPY002
    draws = 200 * len(places)
    seen = Counter(places[crop({'img': img})['img'].tobytes()] for _ in range(draws))
    assert len(seen) == len(places) == (25 if padding else 15)
    assert all(abs(count - 200) < 5 * 200**0.5 for count in seen.values())


def test_edge_pixel_is_repeated():
    img = image_of(3, 3)
    padded = RandomCrop((7, 7), padding=2)({'img': img})['img']
    assert padded[:, 2, 0].tolist() == [1, 0, 0, 1, 2, 2, 1]


def test_seeded_by_the_global_state():
    img, crop = image_of(20, 20), RandomCrop((5, 5), 8)
    outcomes = []
    for _ in range(2):
        np.random.seed(11)  # noqa: NPY002
        outcomes.append([crop({'img': img})['img'].tobytes() for _ in range(5)])
    assert outcomes[0] == outcomes[1]


def test_window_larger_than_the_image_is_named():
    with pytest.raises(ConfigError, match=r'size=\(30, 8\), padding=4\).*18x14 \(a/b\.jpg\)'):
        RandomCrop((30, 8), 4)({'img': image_of(10, 6), 'img_path': 'a/b.jpg'})


@pytest.mark.parametrize('size', [None, 5, (5,), (0, 5), ('a', 5), (5, 5, 3)])
def test_a_window_of_no_size(size):
    with pytest.raises(ConfigError, match='size'):
        RandomCrop(size)


@pytest.mark.parametrize('padding', [-1, None, 0.5])
def test_no_number_of_pixels(padding):
    with pytest.raises(ConfigError, match='padding'):
        RandomCrop((5, 5), padding)
