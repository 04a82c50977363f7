from __future__ import annotations

import io
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from msvitreid.datasets.readers.image_kinds import KINDS
from msvitreid.datasets.transforms import image_header
from msvitreid.datasets.transforms.image_header import (
    JPEG_END,
    NO_IMAGE,
    fault_before_decoding,
)


def write(kind: str, width: int, height: int, **how: object) -> bytes:
    file = io.BytesIO()
    kind = {'PNM': 'PPM'}.get(kind, kind)  # as Pillow calls it
    Image.new('RGB', (width, height), 'red').save(file, kind, **how)
    return file.getvalue()


@pytest.fixture
def size(monkeypatch):
    """The size that a file is taken to have: without a single pixel, all are too many."""

    def size(content: bytes) -> str:
        assert fault_before_decoding(content) == ''
        with monkeypatch.context() as patch:
            patch.setattr(image_header, 'MAX_PIXELS', 0)
            return fault_before_decoding(content).rpartition('(')[2].rstrip(')')

    return size


@pytest.mark.parametrize('kind', sorted(KINDS.keys() - {'HEIF'}))
def test_size(kind, size):
    for width, height in ((1, 1), (64, 128), (300, 2), (257, 513)):
        assert size(write(kind, width, height)) == f'{height}x{width}'


def test_size_of_a_jpeg_with_a_preview_in_it(size):
    content = write('JPEG', 32, 48)
    preview = b'Exif\0\0' + write('JPEG', 8, 12)
    segment = b'\xff\xe1' + struct.pack('>H', len(preview) + 2) + preview
    content = content[:2] + segment + content[2:]
    assert size(content) == '48x32'
    # The end of the preview is not that of the image.
    assert fault_before_decoding(content.removesuffix(JPEG_END)) == 'the image is cut short'


@pytest.mark.parametrize(
    'between', [b'\xff', b'\xff' * 9, b'junk', b'\xff\x00', b'\xff\x01', b'\xff\xd3']
)
def test_size_of_a_jpeg_with_something_between_its_segments(between, size):
    content = write('JPEG', 32, 48)
    tables = content.index(b'\xff\xdb')
    assert size(content[:tables] + between + content[tables:]) == '48x32'


@given(
    content=st.binary(max_size=80)
    | st.sampled_from(sorted(KINDS.keys() - {'HEIF'})).flatmap(
        lambda kind: st.integers(0, 100).map(lambda end: write(kind, 5, 4)[:end])
    )
)
@settings(deadline=None)
@pytest.mark.filterwarnings('ignore::UserWarning')  # Pillow's, of damaged TIFF
def test_any_bytes_are_judged(content):
    assert isinstance(fault_before_decoding(content), str)


@pytest.mark.parametrize('kind', ['JPEG', 'PNG'])
def test_every_cut_behind_the_header_is_noticed(kind):
    content = write(kind, 32, 48)
    begin = content.index(b'\xff\xda' if kind == 'JPEG' else b'IDAT') + 4
    for end in range(begin, len(content)):
        assert fault_before_decoding(content[:end]) == 'the image is cut short', end


def test_limits(monkeypatch):
    content = write('JPEG', 64, 64, progressive=True)
    scans = content.count(b'\xff\xda')
    assert scans > 5
    monkeypatch.setattr(image_header, 'MAX_SCANNED_PIXELS', 64 * 64 * scans)
    assert fault_before_decoding(content) == ''
    monkeypatch.setattr(image_header, 'MAX_SCANNED_PIXELS', 64 * 64 * scans - 1)
    assert fault_before_decoding(content) == (
        f'the image is a JPEG of 64x64 with {scans} scans, too many'
    )
    monkeypatch.setattr(image_header, 'MAX_PIXELS', 64 * 64 - 1)
    assert fault_before_decoding(content).endswith(' pixels (64x64)')


def test_pictures_that_only_some_decoders_know():
    assert fault_before_decoding(b'Pf 1 1 -1.0 abcd') == NO_IMAGE


def test_a_file_too_short_for_so_many_scans_is_not_searched_for_them(monkeypatch):
    content = write('JPEG', 64, 64, progressive=True)
    monkeypatch.setattr(image_header, 'JPEG_SCAN', None)
    monkeypatch.setattr(image_header, 'MAX_SCANNED_PIXELS', 64 * 64 * (len(content) // 10))
    assert fault_before_decoding(content) == ''
