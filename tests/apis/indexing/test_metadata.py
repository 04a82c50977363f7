"""Class of faults: metadata that come to another image, or are silently no numbers."""

import pytest

from msvitreid.apis.indexing import (
    columns_from_names,
    joined_columns,
    list_image_files,
    read_metadata_table,
)
from msvitreid.errors import ConfigError, DatasetError


@pytest.fixture
def listed(crops):
    return list_image_files([crops])


def table(crops, text):
    path = crops.parent / 'table.csv'
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_numbers_stay_numbers_and_codes_texts(crops, listed):
    path = table(
        crops,
        'Path,camera,time,code,note\n'
        'c1/0000_c1.jpg,c1,12,007,"a, b"\n'
        'c1\\0001_c1.jpg,c2,-2.5,12,\n'
        f'{crops}/c2/0000_c2.jpg,3,,13,x\n'
        'c9/none.jpg,3,1e3,13,x\n',
    )
    read = read_metadata_table(path, listed)
    assert read.kinds == {'camera': 'text', 'time': 'number', 'code': 'text', 'note': 'text'}
    assert read.columns == {
        'c1/0000_c1.jpg': {'camera': 'c1', 'time': 12, 'code': '007', 'note': 'a, b'},
        'c1/0001_c1.jpg': {'camera': 'c2', 'time': -2.5, 'code': '12', 'note': None},
        'c2/0000_c2.jpg': {'camera': '3', 'time': None, 'code': '13', 'note': 'x'},
    }
    assert isinstance(read.columns['c1/0000_c1.jpg']['time'], int)
    assert read.unknown == ['c9/none.jpg']
    assert read.without == ['c1/0002_c1.jpg', 'c2/0001_c2.jpg', 'c2/0002_c2.jpg']


@pytest.mark.parametrize('separator', [';', '\t'])
def test_other_separators_and_utf_16(crops, listed, separator):
    text = f'path{separator}pid\nc1/0000_c1.jpg{separator}ä\n'
    read = read_metadata_table(table(crops, text.encode('utf-16')), listed)
    assert read.columns == {'c1/0000_c1.jpg': {'pid': 'ä'}}


@pytest.mark.parametrize(
    ('text', 'match'),
    [
        ('', 'line 1.*path'),
        ('image,pid\na.jpg,1\n', 'line 1.*path'),
        ('path,path\na.jpg,1\n', 'line 1.*path'),
        ('path,pid,pid\na.jpg,1,1\n', "line 1.*'pid'"),
        ('path,id\na.jpg,1\n', "line 1.*'id'"),
        ('path,a b\na.jpg,1\n', "line 1.*'a b'"),
        ('path,\na.jpg,1\n', 'line 1'),
        ('path,pid\na.jpg\n', 'line 2.*1 fields'),
        ('path,pid\n\na.jpg,1,2\n', 'line 3.*3 fields'),
        ('path,pid\n,1\n', 'line 2.*empty'),
        ('path,pid\na.jpg,1\nb.jpg,1\n./a.jpg,2\n', 'line 4.*line 2'),
        ('path,pid\n../crops.jpg,1\n', r'line 2.*\.\./crops'),
        ('path,pid\nc1/../../etc/x.jpg,1\n', r'line 2.*etc/x'),
        ('path,pid\nhttp://host/a.jpg,1\n', 'line 2.*URL'),
        ('path,pid\nC:\\a.jpg,1\n', 'line 2.*Windows'),
        ('path,pid\na.jpg,"1\n', r'line \d.*CSV'),
        ('path,pid\na.jpg,\x1b[2J\n', 'line 2.*control'),
        ('path,time\na.jpg,1\nb.jpg,nan\n', "line 3.*time.*'nan'"),
        ('path,time\na.jpg,1e999\n', 'line 2.*too large'),
        (b'PK\x03\x04', 'spreadsheet'),
        (b'path,pid\n\xff\xfe,1\n', 'UTF-8'),
    ],
)
def test_a_faulty_table_is_refused_with_its_line(crops, listed, text, match):
    path = table(crops, text)
    with pytest.raises(DatasetError, match=match) as error:
        read_metadata_table(path, listed)
    assert 'table.csv' in str(error.value)


def test_columns_from_names(listed):
    columns = columns_from_names(listed, {'camera': r'_c(\d)', 'pid': r'\d{4}', 'time': None})
    assert columns['c2/0001_c2.jpg'] == {'camera': '2', 'pid': '0001'}
    assert columns_from_names(listed, {'camera': '0001_(c2)'})['c1/0000_c1.jpg'] == {}
    for pattern in ('(', 'x(y)'):
        with pytest.raises(ConfigError, match=r'camera'):
            columns_from_names(listed, {'camera': pattern})


def test_later_columns_go_over_earlier_ones():
    assert joined_columns({'a': {'x': 1, 'y': 1}}, {'a': {'y': None}, 'b': {'y': 2}}) == {
        'a': {'x': 1, 'y': None},
        'b': {'y': 2},
    }
