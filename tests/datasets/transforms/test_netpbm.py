from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from msvitreid.datasets.transforms.image_decoding import read_image
from msvitreid.datasets.transforms.netpbm import decode_pnm, read_pnm_header
from msvitreid.errors import DatasetError

# Every kind with its highest value; all are 3 wide and 2 high.
WHITES = [('2', 15), ('2', 255), ('2', 1023), ('3', 15), ('3', 255), ('3', 1023), ('5', 15),
          ('5', 255), ('5', 1023), ('5', 65535), ('6', 15), ('6', 255), ('6', 4095)]  # fmt: skip


def write(kind: str, white: int) -> tuple[bytes, np.ndarray]:
    """A file of that kind, and its values."""
    channels = 3 if kind in '36' else 1
    rng = np.random.default_rng(white)
    values = rng.integers(0, white + 1, (2, 3, channels))
    values.flat[:2] = 0, white
    header = f'P{kind}\n# a note\n3 2\n{white}\n'.encode()
    if kind in '23':
        return header + b' '.join(b'%d' % value for value in values.ravel()) + b'\n', values
    return header + values.astype('>u2' if white > 255 else 'u1').tobytes(), values


@pytest.mark.parametrize(('kind', 'white'), WHITES)
def test_the_highest_value_is_white(kind, white, tmp_path):
    """Bit depth: OpenCV takes 10 bits of a PGM file for 16, and 4 bits for 8."""
    content, values = write(kind, white)
    (tmp_path / 'x.pgm').write_bytes(content)
    img = read_image(str(tmp_path / 'x.pgm')).astype(int)
    expected = values >> 8 if white == 65535 else np.rint(values * (255 / white))
    assert np.array_equal(img, np.broadcast_to(expected, (2, 3, 3)))
    assert (img.min(), img.max()) == (0, 255)
    if white < 256:
        with Image.open(io.BytesIO(content)) as image:
            assert np.abs(img - np.asarray(image.convert('RGB'))).max() <= 1


def test_bitmaps(tmp_path):
    for content in (b'P1 3 2 0 1 0\n# note\n101', b'P4\n3 2\n\x40\xa0'):
        (tmp_path / 'x.pbm').write_bytes(content)
        img = read_image(str(tmp_path / 'x.pbm'))
        assert img[..., 0].tolist() == [[255, 0, 255], [0, 255, 0]]


def test_a_given_range_comes_before_that_of_the_file(tmp_path):
    (tmp_path / 'x.pgm').write_bytes(b'P2 2 1 4095 1023 0')
    assert read_image(str(tmp_path / 'x.pgm'))[0, 0, 0] == round(1023 * 255 / 4095)
    assert read_image(str(tmp_path / 'x.pgm'), (0, 1023))[0, 0, 0] == 255


@pytest.mark.parametrize(
    'content',
    [
        b'P5 3 2 255\n12345',
        b'P2 3 2 255\n1 2 3 4 5',
        b'P2 2 1 255\n1 300',
        b'P2 2 1 255\n1 x',
        b'P2 2 1 255\n-1 2',
        b'P5 1 1 100\n\xff',
        b'P4 9 1\n\0',
        b'P1 3 1 01',
        b'P5 0 2 255\n',
        b'P5 1 1 0\n\0',
        b'P5 1 1 65536\n\0\0',
        b'P6 1 1 255',
        b'P5 99999 99999 255\n\0',
        b'P5 9999999999 1 255\n\0',
    ],
)
def test_damaged_files_are_named(content, tmp_path):
    (tmp_path / 'x.pgm').write_bytes(content)
    with pytest.raises(DatasetError, match=r'x\.pgm: '):
        read_image(str(tmp_path / 'x.pgm'))


@given(st.sampled_from(WHITES).flatmap(
    lambda kind: st.integers(0, 60).map(lambda end: write(*kind)[0][:end])
))  # fmt: skip
def test_any_cut_is_a_value_error_or_an_image(content):
    try:
        header = read_pnm_header(content)
        assert decode_pnm(content, header).shape[:2] == (2, 3)
    except ValueError:
        pass
