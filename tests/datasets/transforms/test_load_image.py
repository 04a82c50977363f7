from __future__ import annotations

import os
import struct

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps

from msvitreid.datasets import LoadImage
from msvitreid.datasets.readers.image_kinds import IMAGE_SUFFIXES
from msvitreid.datasets.transforms.image_decoding import read_image
from msvitreid.errors import ConfigError, DatasetError
from tests.hostile.limits import limits

RED, GREEN = (255, 0, 0), (0, 255, 0)


def load(path):
    return LoadImage()({'img_path': str(path)})


def pixels():
    return np.random.default_rng(0).integers(0, 256, size=(7, 5, 3)).astype(np.uint8)


def smooth():
    """Colors that survive a lossy format, and no symmetry."""
    image = np.zeros((48, 32, 3), np.uint8)
    image[..., 0] = np.linspace(0, 255, 32)
    image[..., 1] = np.linspace(0, 255, 48)[:, None]
    image[:16, :16] = (220, 30, 40)
    return image


@pytest.mark.parametrize('suffix', ['.png', '.bmp', '.tif'])
def test_lossless_image_is_read_as_rgb(suffix, tmp_path):
    Image.fromarray(pixels()).save(tmp_path / f'x{suffix}')
    results = load(tmp_path / f'x{suffix}')
    assert results['img'].dtype == np.uint8
    assert np.array_equal(results['img'], pixels())
    assert results['img_shape'] == results['ori_shape'] == (7, 5)


@pytest.mark.parametrize('progressive', [False, True])
def test_jpeg_is_read_as_rgb(progressive, tmp_path):
    red = np.full((16, 16, 3), (200, 40, 10), np.uint8)
    Image.fromarray(red).save(tmp_path / 'x.jpg', progressive=progressive)
    assert np.abs(load(tmp_path / 'x.jpg')['img'].astype(int) - red).max() <= 3


@pytest.mark.parametrize('mode', ['L', 'P', 'RGBA', '1'])
def test_other_modes_become_three_channels(mode, tmp_path):
    image = Image.fromarray(pixels()).convert(mode)
    image.save(tmp_path / 'x.png')
    assert np.array_equal(load(tmp_path / 'x.png')['img'], np.asarray(image.convert('RGB')))


def test_cmyk_has_the_colors_that_pillow_sees(tmp_path):
    Image.fromarray(smooth()).convert('CMYK').save(tmp_path / 'x.jpg', quality=95)
    with Image.open(tmp_path / 'x.jpg') as image:
        assert image.mode == 'CMYK'
        expected = np.asarray(image.convert('RGB')).astype(int)
    assert np.abs(load(tmp_path / 'x.jpg')['img'] - expected).max() <= 2


@pytest.mark.parametrize('suffix', ['.png', '.tif'])
def test_of_16_bits_the_upper_8_are_taken(suffix, tmp_path):
    grey = (np.arange(48 * 32).reshape(48, 32) * 42).astype(np.uint16)
    Image.fromarray(grey).save(tmp_path / f'x{suffix}')
    expected = np.repeat((grey >> 8)[..., None], 3, axis=2)
    assert np.array_equal(load(tmp_path / f'x{suffix}')['img'], expected)


def test_color_of_16_bits(tmp_path):
    bgr = np.random.default_rng(0).integers(0, 65536, (7, 5, 3)).astype(np.uint16)
    cv2.imwrite(str(tmp_path / 'x.png'), bgr)
    assert np.array_equal(load(tmp_path / 'x.png')['img'], (bgr >> 8)[..., ::-1])


@pytest.mark.parametrize('suffix', ['.png', '.webp', '.tif'])
def test_the_color_below_a_transparent_pixel_shows(suffix, tmp_path):
    alpha = np.zeros((7, 5, 1), np.uint8)
    alpha[3:] = 128
    image = Image.fromarray(np.concatenate([pixels(), alpha], axis=2))
    how = {'lossless': True, 'exact': True} if suffix == '.webp' else {}
    image.save(tmp_path / f'x{suffix}', **how)
    assert np.array_equal(load(tmp_path / f'x{suffix}')['img'], pixels())


@pytest.mark.parametrize('kind', ['GIF', 'WEBP', 'PNG', 'TIFF'])
def test_of_an_animation_the_first_frame_is_read(kind, tmp_path):
    first, second = (Image.new('RGB', (8, 6), color) for color in (RED, GREEN))
    how = {'lossless': True} if kind == 'WEBP' else {}
    first.save(tmp_path / 'x', kind, save_all=True, append_images=[second], **how)
    assert np.array_equal(load(tmp_path / 'x')['img'], np.full((6, 8, 3), RED, np.uint8))


@pytest.mark.parametrize('suffix', ['.jpg', '.png', '.tif'])
@pytest.mark.parametrize('orientation', range(1, 9))
def test_exif_orientation_is_applied(orientation, suffix, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = orientation
    how = {'quality': 100, 'subsampling': 0} if suffix == '.jpg' else {}
    Image.fromarray(smooth()).save(tmp_path / f'x{suffix}', exif=exif, **how)
    with Image.open(tmp_path / f'x{suffix}') as image:
        expected = np.asarray(ImageOps.exif_transpose(image)).astype(int)
    loaded = load(tmp_path / f'x{suffix}')['img']
    assert loaded.shape == expected.shape == ((48, 32, 3) if orientation < 5 else (32, 48, 3))
    assert np.abs(loaded - expected).max() <= 1


TIFF_MODES = ('RGB', 'L', 'P', 'RGBA', 'CMYK', 'I;16', 'LA', '1', 'PA')


@pytest.mark.parametrize(
    ('suffix', 'mode', 'options'),
    [
        *(('.jpg', mode, {'quality': 100}) for mode in ('RGB', 'L', 'CMYK')),
        *(('.png', mode, {}) for mode in ('RGB', 'L', 'P', 'RGBA', 'I;16', 'LA', '1')),
        *(('.webp', mode, {'lossless': True}) for mode in ('RGB', 'RGBA')),
        *(('.tif', mode, {}) for mode in TIFF_MODES),
        *(('.tif', mode, {'compression': 'tiff_lzw'}) for mode in TIFF_MODES),
    ],
)
def test_orientation_in_every_kind_and_mode(suffix, mode, options, tmp_path):
    """Decoders that turn images of some kinds and modes, once, twice or not at all."""
    steps = np.repeat([[0, 0, 255], [255, 0, 255]], 8, axis=0).repeat(8, axis=1)
    gray = Image.fromarray(steps.astype(np.uint8))
    if mode == 'I;16':
        image = Image.fromarray((steps * 257).astype(np.uint16))
    else:
        image = gray.convert('P').convert('PA') if mode == 'PA' else gray.convert(mode)
    exif = Image.Exif()
    exif[0x112] = 6  # a quarter turn clockwise shows it upright
    image.save(tmp_path / f'x{suffix}', exif=exif, **options)
    found = read_image(str(tmp_path / f'x{suffix}'))
    wanted = np.rot90(steps, -1)[..., None].repeat(3, axis=2)
    assert found.shape == wanted.shape
    assert np.abs(found.astype(int) - wanted).max() <= 2


@pytest.mark.parametrize('suffix', ['.jpg', '.png', '.bmp', '.gif', '.tif', '.pgm'])
@pytest.mark.parametrize('size', [(30_000, 2), (2, 30_000)])
def test_a_long_side_is_no_fault(suffix, size, tmp_path):
    """Limits are of pixels, so that panoramas and strips are read."""
    Image.new('L', size, 200).save(tmp_path / f'x{suffix}')
    found = read_image(str(tmp_path / f'x{suffix}'))
    assert found.shape == (size[1], size[0], 3)
    assert np.abs(found.astype(int) - 200).max() <= 1


def test_names_of_files_in_errors(tmp_path):
    """Names that no file system takes, or that nobody expects in a sentence."""
    with pytest.raises(DatasetError, match=r'cannot be read .*[Nn]ame too long'):
        read_image(str(tmp_path / ('x' * 300 + '.jpg')))
    for name in ('a\nb.jpg', '\U0001f600.jpg', 'a\u202egpj.jpg', 'x' * 250 + '.jpg'):
        Image.new('RGB', (3, 2)).save(tmp_path / name)
        assert read_image(str(tmp_path / name)).shape == (2, 3, 3)


@pytest.mark.parametrize('suffix', ['.jpg', '.png', '.bmp', '.gif', '.webp', '.tif'])
def test_a_single_pixel_is_an_image(suffix, tmp_path):
    Image.new('RGB', (1, 1), RED).save(tmp_path / f'x{suffix}')
    assert load(tmp_path / f'x{suffix}')['img'].shape == (1, 1, 3)


@pytest.mark.parametrize('suffix', ['.jpg', '.png', '.bmp', '.tif'])
def test_what_follows_the_image_in_the_file_does_not_matter(suffix, tmp_path):
    path = tmp_path / f'x{suffix}'
    Image.fromarray(smooth()).save(path)
    expected = load(path)['img']
    for tail in (bytes(500), b'\xff' * 7, b'a note\r\n'):
        path.write_bytes(path.read_bytes() + tail)
        assert np.array_equal(load(path)['img'], expected)


def test_unusable_files_are_named(tmp_path):
    (tmp_path / 'empty.jpg').touch()
    (tmp_path / 'text.jpg').write_text('not an image')
    os.mkfifo(tmp_path / 'pipe.jpg')
    (tmp_path / 'device.jpg').symlink_to('/dev/zero')
    for name, reason in (
        ('pipe.jpg', 'a pipe, socket or device'),
        ('device.jpg', 'a pipe, socket or device'),
        ('empty.jpg', 'empty'),
        ('text.jpg', 'not an image'),
        ('missing.jpg', 'No such file'),
        ('', 'Is a directory'),
    ):
        with pytest.raises(DatasetError, match=reason) as error:
            load(tmp_path / name)
        assert str(error.value).startswith(str(tmp_path / name))


def test_a_size_that_opencv_refuses_by_itself_is_an_error_of_ours(tmp_path):
    # Few pixels, but more in a row than it takes.
    Image.new('L', (2**20 + 1, 1)).save(tmp_path / 'x.bmp')
    with pytest.raises(DatasetError, match='not an image that OpenCV can decode'):
        load(tmp_path / 'x.bmp')


def test_path_may_hold_other_scripts(tmp_path):
    Image.fromarray(pixels()).save(tmp_path / 'Zürich 東京.png')
    assert np.array_equal(load(tmp_path / 'Zürich 東京.png')['img'], pixels())


def ten_bits():
    """A gradient of all 1,024 values of 10 bits, as 16-bit numbers."""
    return np.arange(1024, dtype=np.uint16).reshape(32, 32)


@pytest.mark.parametrize('suffix', ['.png', '.tif'])
def test_a_range_of_values_becomes_the_range_of_brightness(suffix, tmp_path):
    """Bit depth: 10 bits in a 16-bit file came out as 0 to 3, which is black."""
    Image.fromarray(ten_bits()).save(tmp_path / f'x{suffix}')
    assert load(tmp_path / f'x{suffix}')['img'].max() == 3
    entry = {'img_path': str(tmp_path / f'x{suffix}')}
    img = LoadImage(value_range=(0, 1023))(dict(entry))['img']
    assert (img.min(), img.max()) == (0, 255)
    assert np.array_equal(img[..., 1], np.rint(ten_bits() * (255 / 1023)))
    img = LoadImage(value_range=(100, 355))(dict(entry))['img'][..., 0].ravel()
    assert np.array_equal(img, np.arange(1024).clip(100, 355) - 100)


def tiff_of_12_bits(values):
    """A gray TIFF file of 12 bits a value, which Pillow and OpenCV read and do not write."""
    digits = ''.join(f'{value:012b}' for value in values.flat)
    data = int(digits, 2).to_bytes(len(digits) // 8, 'big')
    height, width = values.shape
    tags = {256: width, 257: height, 258: 12, 259: 1, 262: 1, 273: 8, 277: 1, 278: height}
    tags[279] = len(data)
    entries = b''.join(struct.pack('<HHII', tag, 4, 1, value) for tag, value in tags.items())
    start = struct.pack('<2sHI', b'II', 42, 8 + len(data))
    return start + data + struct.pack('<H', len(tags)) + entries + bytes(4)


def test_a_tiff_of_12_bits(tmp_path):
    """Bit depth: OpenCV shifts 12 bits to 16, and (0, 4095) came out 16 times as bright."""
    values = np.arange(0, 4096, 32).reshape(8, 16)
    (tmp_path / 'x.tif').write_bytes(tiff_of_12_bits(values))
    expected = np.rint(values * (255 / 4095))
    for value_range in (None, (0, 4095)):
        img = LoadImage(value_range)({'img_path': str(tmp_path / 'x.tif')})['img']
        assert np.array_equal(img[..., 2], expected)


def test_a_range_does_not_change_8_bits(tmp_path):
    Image.fromarray(pixels()).save(tmp_path / 'x.png')
    entry = {'img_path': str(tmp_path / 'x.png')}
    assert np.array_equal(LoadImage(value_range=(0, 1023))(entry)['img'], pixels())


@pytest.mark.parametrize(
    'value', [12, (0,), (0, 1, 2), (5, 5), (-1, 5), (0, 65536), (0.0, 1.0), 'ab', (False, True)]
)
def test_what_is_no_range_is_refused(value):
    with pytest.raises(ConfigError, match='value_range'):
        LoadImage(value_range=value)


def test_the_range_is_shown():
    assert repr(LoadImage()) == 'LoadImage()'
    assert repr(LoadImage(value_range=[0, 1023])) == 'LoadImage(value_range=(0, 1023))'


@pytest.mark.parametrize(
    ('name', 'image'),
    [
        ('x.jfif', lambda: Image.fromarray(smooth())),
        ('x.webp', lambda: Image.fromarray(smooth())),
        ('x.gif', lambda: Image.fromarray(smooth()).convert('P')),
        ('x.ppm', lambda: Image.fromarray(smooth())),
        ('x.pgm', lambda: Image.fromarray(smooth()).convert('L')),
        ('x.pbm', lambda: Image.fromarray(smooth()).convert('1')),
        ('palette.png', lambda: Image.fromarray(smooth()).convert('P')),
        ('palette.tif', lambda: Image.fromarray(smooth()).convert('P')),
        ('alpha.tif', lambda: Image.fromarray(smooth()).convert('LA')),
        ('cmyk.tif', lambda: Image.fromarray(smooth()).convert('CMYK')),
        ('x.avif', lambda: Image.fromarray(smooth())),
    ],
)
def test_every_kind_is_read_as_pillow_reads_it(name, image, tmp_path):
    if not name.endswith(IMAGE_SUFFIXES):
        pytest.skip('Pillow is without AVIF')
    how = {'format': 'JPEG', 'quality': 95} if name.endswith('jfif') else {}
    image().save(tmp_path / name, **how)
    with Image.open(tmp_path / name) as saved:
        expected = np.asarray(saved.convert('RGB')).astype(int)
    # Decoders of JPEG and WebP round differently.
    assert np.abs(load(tmp_path / name)['img'] - expected).max() <= 2


def test_values_of_32_bits_are_refused(tmp_path):
    for number, kind in enumerate((np.float32, np.int32)):
        Image.fromarray(ten_bits().astype(kind)).save(tmp_path / f'{number}.tif')
        with pytest.raises(DatasetError, match=f'{number}.tif'):
            load(tmp_path / f'{number}.tif')


def test_a_link_to_a_file_of_proc_ends_at_once(tmp_path):
    """Special files: /proc/kmsg is a regular file of no size, and reading it waits."""
    (tmp_path / 'x.jpg').symlink_to('/proc/kmsg')
    with limits(), pytest.raises(DatasetError, match='empty'):
        load(tmp_path / 'x.jpg')
