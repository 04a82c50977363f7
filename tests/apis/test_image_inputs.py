"""Class of faults: inputs that are silently left out, doubled or taken for something else."""

import numpy as np
import pytest
import torch
from PIL import Image

from msvitreid.apis.image_inputs import (
    ImageInput,
    image_inputs,
    pixels_of,
    prepare,
    require_color,
)
from msvitreid.datasets.transforms.image_preparation import ImagePreparation
from msvitreid.errors import ConfigError, DatasetError

FILES = ('b.jpg', 'a[1].jpg', 'deep/c.PNG', '._b.jpg', '__MACOSX/d.jpg', 'notes.txt')


@pytest.fixture
def folder(tmp_path):
    for name in FILES:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b'')
    return tmp_path


def names(inputs, folder):
    return [image.name.removeprefix(f'{folder}/') for image in image_inputs(inputs)]


def test_folders_and_patterns_leave_out_clutter_and_come_sorted(folder):
    everything = ['a[1].jpg', 'b.jpg', 'deep/c.PNG']
    assert names(folder, folder) == names(str(folder), folder) == everything
    assert names(f'{folder}/**/*', folder) == everything
    assert names(f'{folder}/?.jpg', folder) == ['b.jpg']


def test_a_name_with_signs_of_patterns_is_itself_where_it_exists(folder):
    assert names(folder / 'a[1].jpg', folder) == ['a[1].jpg']


def test_lists_may_mix_kinds_and_keep_their_order(folder):
    image = Image.new('RGB', (2, 2))
    inputs = [image, folder / 'deep', 'gone.jpg', np.zeros((2, 2, 3), np.uint8)]
    assert names(inputs, folder) == ['[0]', 'deep/c.PNG', 'gone.jpg', '[3]']
    assert names(tuple(inputs), folder) == names(iter(inputs), folder)


def test_an_iterator_stays_one():
    endless = (name for name in iter(lambda: 'a.jpg', None))
    images = image_inputs(endless)
    assert not isinstance(images, list)
    assert next(images) == ImageInput('a.jpg', 'a.jpg')


@pytest.mark.parametrize('inputs', [None, 3, b'a.jpg', {'a': 1}, [['a.jpg']], [None]])
def test_what_is_no_input(inputs):
    with pytest.raises(ConfigError, match='got a'):
        list(image_inputs(inputs))


def test_folders_and_patterns_without_images(tmp_path):
    for inputs in (tmp_path, f'{tmp_path}/*.jpg', [f'{tmp_path}/**/a?.png']):
        with pytest.raises(DatasetError, match='no image'):
            image_inputs(inputs)


def test_the_order_of_channels_is_asked_for_where_it_cannot_be_seen():
    array = np.zeros((2, 2, 3), np.uint8)
    for value in (array, torch.zeros(3, 2, 2)):
        with pytest.raises(ConfigError, match='color'):
            require_color(value, None)
    with pytest.raises(ConfigError, match='RGB'):
        require_color(array, 'RGB')
    require_color('a.jpg', None)


def test_pixels_are_rgb_from_either_order():
    rgb = np.random.default_rng(0).integers(0, 256, (3, 2, 3), np.uint8)
    tensor = torch.from_numpy(rgb).permute(2, 0, 1)
    preparation = ImagePreparation()
    for value, color in (
        (rgb, 'rgb'),
        (rgb[:, :, ::-1], 'bgr'),
        (tensor, 'rgb'),
        (tensor.flip(0), 'bgr'),
        (Image.fromarray(rgb), None),
    ):
        found = pixels_of(ImageInput('[0]', value), preparation, color)
        np.testing.assert_array_equal(found, rgb)


def test_the_bytes_of_a_file_are_that_file(tmp_path):
    preparation = ImagePreparation()
    file = tmp_path / 'a.jpg'
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (9, 7, 3), np.uint8)).save(file)
    image = ImageInput('an upload', file.read_bytes())
    np.testing.assert_array_equal(
        prepare(image, preparation, None),
        prepare(ImageInput('a', str(file)), preparation, None),
    )
    for content, reason in (
        (b'', 'empty'),
        (b'<svg/>', 'not an image'),
        (image.value[:99], ''),
    ):
        with pytest.raises(DatasetError, match=f'^an upload: .*{reason}'):
            prepare(ImageInput('an upload', content), preparation, None)
