from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from msvitreid.datasets import LoadImage
from msvitreid.errors import DatasetError


def load(path):
    return LoadImage()({'img_path': str(path)})


def pixels():
    return np.random.default_rng(0).integers(0, 256, size=(7, 5, 3)).astype(np.uint8)


@pytest.mark.parametrize('suffix', ['.png', '.bmp', '.tif'])
def test_lossless_image_is_read_as_rgb(suffix, tmp_path):
    Image.fromarray(pixels()).save(tmp_path / f'x{suffix}')
    results = load(tmp_path / f'x{suffix}')
    assert results['img'].dtype == np.uint8
    assert np.array_equal(results['img'], pixels())
    assert results['img_shape'] == results['ori_shape'] == (7, 5)


def test_jpeg_is_read_as_rgb(tmp_path):
    red = np.full((16, 16, 3), (200, 40, 10), np.uint8)
    Image.fromarray(red).save(tmp_path / 'x.jpg')
    assert np.abs(load(tmp_path / 'x.jpg')['img'].astype(int) - red).max() <= 3


@pytest.mark.parametrize('mode', ['L', 'P', 'RGBA', '1'])
def test_other_modes_become_three_channels(mode, tmp_path):
    Image.fromarray(pixels()).convert(mode).save(tmp_path / 'x.png')
    assert load(tmp_path / 'x.png')['img'].shape == (7, 5, 3)


def test_exif_orientation_is_applied(tmp_path):
    image = Image.fromarray(np.repeat(np.repeat(pixels(), 8, 0), 8, 1))
    exif = Image.Exif()
    exif[0x0112] = 6  # shown after a quarter turn clockwise
    image.save(tmp_path / 'x.jpg', exif=exif, quality=100, subsampling=0)
    expected = np.rot90(np.asarray(image), k=-1)
    loaded = load(tmp_path / 'x.jpg')['img']
    assert loaded.shape == (40, 56, 3)
    assert np.abs(loaded.astype(int) - expected).mean() < 4


def test_unusable_files_are_named(tmp_path):
    (tmp_path / 'empty.jpg').touch()
    (tmp_path / 'text.jpg').write_text('not an image')
    for name, reason in (
        ('empty.jpg', 'empty'),
        ('text.jpg', 'not an image'),
        ('missing.jpg', 'No such file'),
        ('', 'Is a directory'),
    ):
        with pytest.raises(DatasetError, match=reason) as error:
            load(tmp_path / name)
        assert str(error.value).startswith(str(tmp_path / name))


def test_path_may_hold_other_scripts(tmp_path):
    Image.fromarray(pixels()).save(tmp_path / 'Zürich 東京.png')
    assert np.array_equal(load(tmp_path / 'Zürich 東京.png')['img'], pixels())
