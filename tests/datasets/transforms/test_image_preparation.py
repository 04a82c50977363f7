"""Class of faults: an image that is prepared otherwise by another door."""

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from msvitreid.datasets.transforms.image_preparation import ImagePreparation, inference_pipeline
from msvitreid.errors import ConfigError, DatasetError

RNG = np.random.default_rng(0)
RESIZE = {'type': 'Resize', 'scale': [4, 6]}


def test_files_arrays_and_pillow_are_prepared_alike(tmp_path):
    pixels = RNG.integers(0, 256, (9, 7, 3), np.uint8)
    path = str(tmp_path / 'a.png')
    cv2.imwrite(path, pixels[:, :, ::-1])
    preparation = ImagePreparation([RESIZE])
    expected = torch.from_numpy(cv2.resize(pixels, (4, 6)).transpose(2, 0, 1).copy())
    assert torch.equal(preparation.of_file(path), expected)
    assert torch.equal(preparation.of_pixels(pixels), expected)
    with Image.open(path) as image:
        np.testing.assert_array_equal(preparation.pixels_of_pillow(image), pixels)
    assert preparation.output_size() == (6, 4)
    assert ImagePreparation().output_size() is None


@pytest.mark.parametrize('mode', ['L', 'LA', 'P', 'RGBA', 'I;16'])
def test_modes_of_pillow_are_read_as_their_files(mode, tmp_path):
    pixels = RNG.integers(0, 256, (9, 7, 4), np.uint8)
    image = Image.fromarray(pixels, 'RGBA')
    if mode == 'I;16':
        image = Image.fromarray(RNG.integers(0, 2**16, (9, 7), np.uint16))
    elif mode == 'P':
        image = image.convert('RGB').convert('P')
    else:
        image = image.convert(mode)
    path = tmp_path / 'a.png'
    image.save(path)
    for value_range in (None, (100, 1000)):
        preparation = ImagePreparation([], value_range)
        of_file = preparation.of_file(str(path))
        assert torch.equal(
            preparation.of_pixels(preparation.pixels_of_pillow(Image.open(path))), of_file
        )


def test_a_truncated_image_of_pillow(tmp_path):
    Image.fromarray(RNG.integers(0, 256, (90, 70, 3), np.uint8)).save(tmp_path / 'a.jpg')
    (tmp_path / 'b.jpg').write_bytes((tmp_path / 'a.jpg').read_bytes()[:2000])
    with pytest.raises(DatasetError, match='decoded'):
        ImagePreparation().pixels_of_pillow(Image.open(tmp_path / 'b.jpg'))


def test_the_pipeline_between_decoding_and_packing():
    steps = [
        {'type': 'KeepInMemory', 'size': (6, 4), 'transforms': [{'type': 'LoadImage'}, RESIZE]},
        {'type': 'CenterCrop', 'crop_size': (4, 4)},
        {'type': 'PackReIDInputs'},
    ]
    pipeline, value_range = inference_pipeline(steps)
    assert pipeline == [RESIZE, {'type': 'CenterCrop', 'crop_size': [4, 4]}]
    assert value_range is None
    assert ImagePreparation(pipeline).output_size() == (4, 4)
    deep = [{'type': 'LoadImage', 'value_range': (0, 1023)}, {'type': 'PackReIDInputs'}]
    assert inference_pipeline(deep) == ([], (0, 1023))


def test_a_pipeline_of_a_set_that_is_cut_to_size_gets_a_resize():
    steps = [{'type': 'LoadImage'}, {'type': 'PackReIDInputs'}]
    assert inference_pipeline(steps, (6, 4))[0] == [RESIZE]
    assert inference_pipeline([steps[0], RESIZE, steps[1]], (9, 9))[0] == [RESIZE]


def test_pipelines_that_cannot_be_used():
    for steps in ([], [{'type': 'PackReIDInputs'}], [{'type': 'LoadImage'}, RESIZE]):
        with pytest.raises(ConfigError, match='test_pipeline'):
            inference_pipeline(steps)
    for step in ({'type': 'this'}, {'type': 'Resize', 'size': 3}, {'type': 'Resize'}):
        with pytest.raises(ConfigError, match=r'pipeline|Resize'):
            ImagePreparation([step])
    broken = ImagePreparation([{'type': 'CenterCrop', 'crop_size': [20, 20]}])
    del broken._transforms[0].crop_size
    with pytest.raises(DatasetError, match='crop_size'):
        broken.of_pixels(np.zeros((5, 5, 3), np.uint8))


def test_an_edit_gets_the_decoded_file_and_gives_what_is_transformed(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (8, 4, 3), dtype=np.uint8)
    path = str(tmp_path / 'a.png')
    Image.fromarray(pixels).save(path)
    seen = []

    def edit(image, name):
        seen.append((image.copy(), name))
        return 255 - image

    pipeline = [dict(type='Resize', scale=(8, 16))]
    found = ImagePreparation(pipeline, edit=edit).of_file(path)
    assert torch.equal(found, ImagePreparation(pipeline).of_pixels(255 - pixels))
    ((image, name),) = seen
    assert (np.array_equal(image, pixels), name) == (True, path)
