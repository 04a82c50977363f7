from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import scipy
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.io import loadmat, savemat

from msvitreid.datasets.readers import mat_table
from msvitreid.datasets.readers.mat_table import read_mat_table

FIELDS = ('path', 'label')
# Files that MATLAB itself wrote, on other machines and of other versions.
MATLAB_FILES = Path(scipy.__file__).parent / 'io/matlab/tests/data'


def write(rows: list[tuple], compress: bool = False, **others: object) -> bytes:
    table = np.array([rows], dtype=[(name, object) for name in FIELDS])
    file = io.BytesIO()
    savemat(file, {'before': np.eye(3), **others, 'rows': table}, do_compression=compress)
    return file.getvalue()


def element(kind: int, data: bytes) -> bytes:
    return struct.pack('<II', kind, len(data)) + data + bytes(-len(data) % 8)


def array(kind: int, *rest: bytes, name: bytes = b'', dimensions: tuple = (1, 1)) -> bytes:
    flags = element(6, struct.pack('<II', kind, 0))
    size = element(5, struct.pack(f'<{len(dimensions)}i', *dimensions))
    return element(14, flags + size + element(1, name) + b''.join(rest))


def mat(*elements: bytes) -> bytes:
    return b'MATLAB 5.0 MAT-file'.ljust(124) + b'\x00\x01IM' + b''.join(elements)


@given(
    rows=st.lists(
        st.tuples(
            st.text(st.characters(max_codepoint=0xFFFF, exclude_categories=['Cs']), min_size=1)
            .map(lambda text: text.replace('\0', '_').rstrip() + '.'),
            st.integers(-(2**31), 2**31 - 1) | st.floats(allow_nan=False),
        ),
        max_size=4,
    ),
    compress=st.booleans(),
)  # fmt: skip
@settings(deadline=None)
def test_rows_are_those_that_scipy_wrote_and_reads(rows, compress):
    content = write(rows, compress)
    assert read_mat_table(content, 'rows', FIELDS) == rows
    assert read_mat_table(content, 'rows', FIELDS[1:]) == [(label,) for _, label in rows]
    loaded = loadmat(io.BytesIO(content), squeeze_me=True, chars_as_strings=True)['rows']
    assert [(str(row['path']), row['label']) for row in np.atleast_1d(loaded)] == rows


@pytest.mark.parametrize('version', ['6.5.1', '7.1', '7.4'])
def test_files_of_matlab(version):
    file = MATLAB_FILES / f'teststructarr_{version}_GLNX86.mat'
    if not file.exists():
        pytest.skip('SciPy was installed without its test data')
    rows = read_mat_table(file.read_bytes(), 'teststructarr', ('two', 'one'))
    assert rows == [(2, 1), ('number 2', 'number 1')]


@pytest.mark.parametrize(
    ('content', 'reason'),
    [
        (b'', 'no MATLAB file'),
        (b'text' * 100, 'no MATLAB file'),
        (b'\x89HDF\r\n'.ljust(300), 'no MATLAB file'),
        (mat(), "no struct array 'rows'"),
        (mat(array(6, element(9, bytes(8)), name=b'rows')), "no struct array 'rows'"),
        (mat(b'\x0e\x00\x00\x00\xff\xff\xff\xff'), 'cut short'),
        (mat(b'\x0e\x00'), 'cut short'),
        (mat(element(15, b'not deflated')[:20]), 'incorrect header'),
        (mat(array(2, name=b'rows')), 'cut short'),
        (mat(array(2, element(5, bytes(4)), element(1, b''), name=b'rows')), 'have no names'),
        (mat(array(2, element(5, b'\2\0\0\0'), element(1, b'x\0'), name=b'rows')), "field 'path'"),
        (mat(array(17, element(1, b'MCOS'), name=b'rows')), "no struct array 'rows'"),
    ],
)  # fmt: skip
def test_other_files(content, reason):
    with pytest.raises(ValueError, match=reason):
        read_mat_table(content, 'rows', FIELDS)


def test_a_label_may_be_a_text():
    assert read_mat_table(write([('a', 'one')]), 'rows', FIELDS) == [('a', 'one')]


@pytest.mark.parametrize(
    'label', [np.eye(2), np.zeros(0), {'x': 1}, np.array(['a', 1], object)]
)
def test_a_label_that_is_neither_text_nor_number(label):
    with pytest.raises(ValueError, match='a field is neither a text nor a number'):
        read_mat_table(write([('a', label)]), 'rows', FIELDS)


def test_every_cut_is_an_error():
    content = write([('a.jpg', 1), ('b.jpg', 2)])
    for end in range(len(content)):
        with pytest.raises(ValueError, match='it '):
            read_mat_table(content[:end], 'rows', FIELDS)


def test_an_inflating_file_is_stopped(monkeypatch):
    content = write([('a', 1)], compress=True, zeros=np.zeros(10_000))
    assert read_mat_table(content, 'rows', FIELDS) == [('a', 1)]
    monkeypatch.setattr(mat_table, 'MAX_INFLATED', 70_000)
    with pytest.raises(ValueError, match='inflates to more than 70,000 bytes'):
        read_mat_table(content, 'rows', FIELDS)


def test_compressed_elements_are_not_padded():
    values = element(5, b'\2\0\0\0'), element(1, b'n\0')
    table = array(2, *values, array(6, element(2, b'\7')), name=b'rows')
    before = zlib.compress(array(6, element(2, b'\1'), name=b'x'))
    compressed = struct.pack('<II', 15, len(before)) + before
    assert len(compressed) % 8
    assert read_mat_table(mat(compressed, table), 'rows', ('n',)) == [(7,)]
