"""Only where pixels come from is drawn on the CPU; the net's input is within one gray level."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from msvitreid.datasets import PackReIDInputs, PrepareOnDevice, RandomCrop
from msvitreid.errors import ConfigError
from msvitreid.models.sampling import sample_images
from msvitreid.registry import TRANSFORMS
from msvitreid.structures import UnpreparedImages

PERSON = [
    dict(type='Resize', scale=(16, 48)),
    dict(type='RandomCrop', size=(48, 16), padding=8),
    dict(type='RandomFlip', prob=0.5),
]
FINE_GRAINED = [
    dict(type='Resize', scale=(42, 42)),
    dict(type='RandomCrop', size=(32, 32)),
    dict(type='RandomCrop', size=(32, 32), padding=8),
    dict(type='RandomFlip', prob=0.5),
]
TEST = [dict(type='Resize', scale=(42, 50)), dict(type='CenterCrop', crop_size=(32, 32))]
CHAINS = {'person': PERSON, 'fine-grained': FINE_GRAINED, 'test': TEST}
SIZES = [(128, 64), (97, 53), (401, 199), (48, 16), (96, 32), (1, 1), (2, 3), (37, 1), (5, 300)]


def noise(height: int, width: int) -> np.ndarray:
    random = np.random.default_rng(height * width)
    return random.integers(0, 256, (height, width, 3)).astype(np.uint8)


def photo(height: int, width: int) -> np.ndarray:
    """Smooth areas, an edge, and the extremes of brightness."""
    rows, columns = np.mgrid[:height, :width]
    waves = 128 + 127 * np.sin(rows / 17 + np.arange(3)[:, None, None]) * np.cos(columns / 23)
    image = waves.transpose(1, 2, 0).astype(np.uint8)
    image[height // 3 : height // 2, width // 4 :] = 255
    image[height // 2 :, : width // 3] = 0
    return cv2.GaussianBlur(image, (3, 3), 0)


def flat(height: int, width: int) -> np.ndarray:
    return np.full((height, width, 3), (255, 0, 77), np.uint8)


@pytest.mark.parametrize('chain', CHAINS)
@pytest.mark.parametrize('draw', [noise, photo, flat])
def test_within_one_gray_level_of_the_cpu_with_the_same_draws(chain, draw):
    """Of each kind of image and of odd sizes, in one batch; afterwards the stream is the same."""
    on_cpu = [TRANSFORMS.build(step) for step in CHAINS[chain]]
    on_device = PrepareOnDevice(CHAINS[chain])
    pack, expected, packed = PackReIDInputs(), [], []
    for number, size in enumerate(SIZES * 3):
        streams = []
        for transforms, made in ((on_cpu, expected), ([on_device], packed)):
            np.random.seed(number)  # noqa: NPY002
            results = {'img': draw(*size)}
            for transform in transforms:
                results = transform(results)
            made.append(pack(results)['inputs'])
            streams.append(np.random.random_sample())  # noqa: NPY002
        assert streams[0] == streams[1]
        assert packed[-1].shape[1:] == expected[-1].shape
    found = sample_images(UnpreparedImages.joined(packed), torch.device('cpu')) * 255
    difference = (found - torch.stack(expected)).abs()
    assert difference.max() <= 1.001
    if draw is flat:
        assert difference.max() < 0.001


def test_without_a_resize_pixels_stay_as_they_are():
    crop = RandomCrop((20, 10), padding=3)
    results = PrepareOnDevice([crop])({'img': noise(33, 17)})
    inputs = PackReIDInputs()(results)['inputs']
    found = sample_images(inputs, torch.device('cpu'))[0].permute(1, 2, 0) * 255
    padded = np.pad(noise(33, 17), ((3, 3), (3, 3), (0, 0)), mode='symmetric')
    windows = np.lib.stride_tricks.sliding_window_view(padded, (20, 10, 3))[:, :, 0]
    difference = np.abs(windows - found.numpy()).max(axis=(2, 3, 4))
    assert difference.min() < 0.001
    assert results['img_shape'] == (20, 10)


def test_an_image_that_cannot_be_written_to():
    """``KeepInMemory`` gives such images, and torch warns of tensors of them."""
    img = noise(6, 5)
    img.flags.writeable = False
    inputs = PackReIDInputs()(PrepareOnDevice([])({'img': img}))['inputs']
    inputs.pixels.zero_()
    assert img.any()


class Erase:
    def __call__(self, results):
        results['img'] = results['img'].copy()
        results['img'][8:20, 4:12] = 0
        return results


class Brighten:
    def __call__(self, results):
        return {**results, 'img': results['img'] * 1.5}


class Transpose:
    def __call__(self, results):
        return {**results, 'img': results['img'].T.copy()}


class Shift:
    """Every second row by one pixel."""

    def __call__(self, results):
        img = results['img'].copy()
        img[8:] = np.roll(img[8:], 1, axis=1)
        return {**results, 'img': img}


class Pad:
    def __call__(self, results):
        return {**results, 'img': np.pad(results['img'], 4)}


class Stumble:
    def __call__(self, results):
        return {**results, 'img': results['img'][:, :, :3]}


@pytest.mark.parametrize('transform', [Erase, Brighten, Transpose, Shift, Pad, Stumble])
def test_transforms_that_do_more_are_refused(transform):
    """What cannot be said by rows and columns would be lost, and nobody would see it."""
    chain = PrepareOnDevice([*PERSON, transform()])
    with pytest.raises(ConfigError, match='PrepareOnDevice'):
        chain({'img': noise(30, 20)})


@pytest.mark.parametrize(
    'resize',
    [
        dict(scale=(16, 48), keep_ratio=True),
        dict(scale=(16, 48), interpolation='bicubic'),
        dict(scale_factor=2.0),
    ],
)
def test_resizes_of_another_kind_are_refused(resize):
    with pytest.raises(ConfigError, match='Resize'):
        PrepareOnDevice([dict(type='Resize', **resize)])


def test_a_resize_that_is_not_the_first_is_refused():
    chain = PrepareOnDevice([PERSON[2], dict(type='Resize', scale=(10, 30))])
    with pytest.raises(ConfigError, match='PrepareOnDevice'):
        chain({'img': noise(48, 16)})


def test_a_window_larger_than_the_image_is_named_as_ever():
    chain = PrepareOnDevice([dict(type='RandomCrop', size=(64, 64))])
    with pytest.raises(ConfigError, match='larger than the image'):
        chain({'img': noise(48, 16)})
