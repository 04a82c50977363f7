from __future__ import annotations

import numpy as np
import pytest
import torch

from msvitreid.datasets import PackReIDInputs
from msvitreid.structures import ReIDDataSample


def entry(**more):
    img = np.arange(4 * 3 * 3, dtype=np.uint8).reshape(4, 3, 3)
    return {
        'img': img,
        'pid': 7,
        'camid': 2,
        'img_path': 'a/b.jpg',
        'split': 'train',
        'sample_idx': 5,
        **more,
    }


def test_inputs_are_channels_first_and_contiguous():
    results = entry()
    inputs = PackReIDInputs()(results)['inputs']
    assert inputs.dtype == torch.uint8
    assert inputs.is_contiguous()
    assert inputs.shape == (3, 4, 3)
    assert inputs[:, 2, 1].tolist() == results['img'][2, 1].tolist() == [21, 22, 23]


def test_flipped_and_cropped_views_are_taken():
    img = entry()['img']
    packed = PackReIDInputs()(entry(img=np.flip(img, axis=1)[1:, :2]))
    assert packed['inputs'].shape == (3, 3, 2)
    assert packed['inputs'][:, 0, 0].tolist() == img[1, 2].tolist()


@pytest.mark.parametrize('shape', [(1, 1), (5, 1), (1, 5)])
def test_flipped_lines_of_pixels_are_taken(shape):
    img = np.arange(shape[0] * shape[1] * 3, dtype=np.uint8).reshape(*shape, 3)
    packed = PackReIDInputs()({'img': np.flip(img, axis=(0, 1))})['inputs']
    assert packed.is_contiguous()
    assert packed.permute(1, 2, 0).tolist() == img[::-1, ::-1].tolist()


def test_inputs_do_not_share_the_image_with_others():
    results = entry()
    inputs = PackReIDInputs()(results)['inputs']
    results['img'][:] = 0
    assert inputs.sum() > 0


def test_training_sample():
    sample = PackReIDInputs()(entry(label=3, img_shape=(4, 3)))['data_samples']
    assert isinstance(sample, ReIDDataSample)
    assert (sample.pid, sample.camid, sample.label) == (7, 2, 3)
    assert set(sample.keys()) == {'pid', 'camid', 'label'}
    assert sample.metainfo == {'img_path': 'a/b.jpg', 'split': 'train', 'sample_idx': 5}


def test_test_sample_has_no_label():
    assert 'label' not in PackReIDInputs()(entry())['data_samples']


def test_image_alone_is_enough():
    packed = PackReIDInputs()({'img': entry()['img']})
    assert packed['data_samples'].keys() == []
