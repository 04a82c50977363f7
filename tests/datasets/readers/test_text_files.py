from __future__ import annotations

import pytest

from msvitreid.datasets.readers.text_files import read_lines, read_text
from msvitreid.errors import DatasetError


def test_line_ends_are_kept_and_a_byte_order_mark_is_not(tmp_path):
    (tmp_path / 'list').write_bytes('\ufeffä\r\nb\n'.encode())
    assert read_text(tmp_path / 'list') == 'ä\r\nb\n'
    assert read_lines(tmp_path / 'list') == ['ä', 'b']


def test_other_encodings_are_refused(tmp_path):
    (tmp_path / 'list').write_bytes('ä'.encode('latin-1'))
    with pytest.raises(DatasetError, match=r'list: .* UTF-8 .*\(byte 0\)'):
        read_text(tmp_path / 'list')


@pytest.mark.parametrize('encoding', ['utf-16', 'utf-16-be', 'utf-16-le'])
def test_utf_16_needs_a_byte_order_mark(encoding, tmp_path):
    mark = '' if encoding == 'utf-16' else '\ufeff'
    (tmp_path / 'list').write_bytes(f'{mark}pfad ä\r\n'.encode(encoding))
    assert read_text(tmp_path / 'list') == 'pfad ä\r\n'
    (tmp_path / 'list').write_bytes(f'{mark}pfad'.encode(encoding)[:-1])
    with pytest.raises(DatasetError, match=r'list: the list is not UTF-16.* text'):
        read_text(tmp_path / 'list')
    if mark:
        (tmp_path / 'list').write_bytes('pfad'.encode(encoding))
        with pytest.raises(DatasetError, match=r'list: .* UTF-16'):
            read_text(tmp_path / 'list')


@pytest.mark.parametrize('encoding', ['utf-32', 'utf-32-be', 'utf-32-le'])
@pytest.mark.parametrize('mark', ['', '\ufeff'])
def test_utf_32_is_refused_by_name(encoding, mark, tmp_path):
    """An encoding that begins as another one does: UTF-32 was decoded as UTF-16."""
    (tmp_path / 'list').write_bytes(f'{mark}path,pid\n'.encode(encoding))
    with pytest.raises(DatasetError, match='list: the list looks like UTF-32'):
        read_text(tmp_path / 'list')


@pytest.mark.parametrize('control', ['\0', '\x07', '\x0c', '\x1b', '\x7f', '\x9b'])
@pytest.mark.parametrize('end', ['\n', '\r\n', '\r'])
def test_a_control_character_is_named_with_its_line(control, end, tmp_path):
    """They end up in names and paths, where nobody sees them and terminals obey them."""
    (tmp_path / 'list').write_bytes(f'a\t\u2028{end}{end}b{control}{end}'.encode())
    with pytest.raises(DatasetError, match=r"list, line 3: .*control character, '\\x"):
        read_text(tmp_path / 'list')


@pytest.mark.parametrize(
    ('content', 'looks'),
    [
        (b'PK\x03\x04', 'a spreadsheet'),
        (b'\xd0\xcf\x11\xe0\xa1', 'an Excel file'),
        (b'\x1f\x8b\x08', 'a gzip archive'),
        (b'PAR1\x15', 'a Parquet file'),
    ],
)
def test_other_formats_are_recognized(content, looks, tmp_path):
    (tmp_path / 'list').write_bytes(content)
    with pytest.raises(DatasetError, match=f'list: the list looks like {looks}'):
        read_text(tmp_path / 'list')


def test_what_cannot_be_read_is_named(tmp_path):
    for path in (tmp_path, tmp_path / 'no'):
        with pytest.raises(DatasetError, match=f'{path}: the list cannot be read'):
            read_text(path)
