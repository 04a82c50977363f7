"""The published chains against the plain one: the same bits under the same random state."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmengine.dataset import Compose, default_collate

from msvitreid.models import ReIDDataPreprocessor
from msvitreid.registry import TRANSFORMS

from . import pipeline as plain

SIZES = st.tuples(st.integers(1, 90), st.integers(1, 90))


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp('photos')


def write(folder, size, seed, count=3):
    paths = []
    for number in range(count):
        coarse = np.random.default_rng([seed, number]).integers(0, 256, (4, 3, 3))
        img = cv2.resize(coarse.astype(np.uint8), size[::-1], interpolation=cv2.INTER_CUBIC)
        paths.append(str(folder / f'{number}.jpg'))
        cv2.imwrite(paths[-1], img)
    return paths


def ours(paths, *chain):
    transforms = Compose([TRANSFORMS.build(transform) for transform in chain])
    entries = [{'img_path': path, 'label': 0, 'sample_idx': i} for i, path in enumerate(paths)]
    batch = default_collate([transforms(entry) for entry in entries])
    return ReIDDataPreprocessor()(batch, training=True)['inputs']


def chain_of(size, margin, kept):
    larger = (size[0] + margin, size[1] + margin)
    first = [{'type': 'LoadImage'}, {'type': 'Resize', 'scale': larger[::-1]}]
    if kept:
        options = {'transforms': first, 'size': larger, 'max_gib': 0.01}
        first = [{'type': 'KeepInMemory', **options}]
    crops = [{'size': size}] if margin else []
    crops.append({'size': size, 'padding': 8})
    return [
        *first,
        *({'type': 'RandomCrop', **crop} for crop in crops),
        {'type': 'RandomFlip', 'prob': 0.5},
        {'type': 'PackReIDInputs'},
    ]


@settings(max_examples=40, deadline=None)
@given(SIZES, SIZES, st.integers(0, 2**31), st.booleans())
def test_person_chain(folder, image_size, size, seed, kept):
    paths = write(folder, image_size, seed)
    np.random.seed(seed)  # noqa: NPY002
    expected = plain.person_batch(paths, size, 8)
    np.random.seed(seed)  # noqa: NPY002
    assert torch.equal(ours(paths, *chain_of(size, 0, kept)), expected)


@settings(max_examples=40, deadline=None)
@given(SIZES, SIZES, st.integers(0, 2**31), st.booleans())
def test_fine_grained_chain(folder, image_size, size, seed, kept):
    paths = write(folder, image_size, seed)
    np.random.seed(seed)  # noqa: NPY002
    expected = plain.fine_grained_batch(paths, size, 32, 8)
    np.random.seed(seed)  # noqa: NPY002
    assert torch.equal(ours(paths, *chain_of(size, 32, kept)), expected)
