from __future__ import annotations

import pytest

from msvitreid.datasets.text_files import read_lines, read_text
from msvitreid.errors import DatasetError


def test_line_ends_are_kept_and_a_byte_order_mark_is_not(tmp_path):
    (tmp_path / 'list').write_bytes('\ufeffä\r\nb\n'.encode())
    assert read_text(tmp_path / 'list') == 'ä\r\nb\n'
    assert read_lines(tmp_path / 'list') == ['ä', 'b']


def test_other_encodings_are_refused(tmp_path):
    (tmp_path / 'list').write_bytes('ä'.encode('latin-1'))
    with pytest.raises(DatasetError, match=r'list: the list is not UTF-8 text \(byte 0\)'):
        read_text(tmp_path / 'list')


def test_what_cannot_be_read_is_named(tmp_path):
    for path in (tmp_path, tmp_path / 'no'):
        with pytest.raises(DatasetError, match=f'{path}: the list cannot be read'):
            read_text(path)
