from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from msvitreid.datasets.readers.listed_values import number, path_below, shown


def test_number():
    assert number('0') == number('000') == 0
    assert number('0042') == 42
    assert number('9' * 18) == 10**18 - 1
    for text in (
        '',
        '-1',
        '+1',
        '1_0',
        ' 1',
        '1\n',
        '1.0',
        '٣',
        '²',
        '1' * 19,
        '1' * 5000,
        'x',
    ):
        with pytest.raises(ValueError, match='is not a number of 1 to 18 digits'):
            number(text)


def test_eighteen_digits_leave_room_to_add_up():
    # Joined datasets move each other's pids; sums must fit signed 64-bit integers.
    assert 9 * (10**18 - 1) < 2**63


def test_path_below(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for folder in (Path('/data/x'), Path('x'), Path('../x'), Path('.')):
        assert path_below(folder, 'a/b.jpg') == os.path.join(folder, 'a/b.jpg')
        assert path_below(folder, './a//c/../b.jpg') == os.path.join(folder, 'a/b.jpg')
        assert path_below(folder, f'{folder.absolute()}/b.jpg') == os.path.join(folder, 'b.jpg')
    assert path_below(Path('/data'), '..a.jpg') == '/data/..a.jpg'


@pytest.mark.parametrize(
    'path',
    ['', '.', '..', 'a/..', '../a', 'a/../../b', '/', '/data', '/data/', '/data-2/a', '/etc/passwd',
     '//data/a', '/data/../etc/passwd', 'a\0b'],
)  # fmt: skip
def test_path_that_leads_out(path):
    with pytest.raises(ValueError, match=r"is not that of a file below '/data'"):
        path_below(Path('/data'), path)


def test_backslashes_of_windows(tmp_path):
    (tmp_path / 'x\\y.jpg').touch()
    assert path_below(tmp_path, 'a\\b/c.jpg') == f'{tmp_path}/a/b/c.jpg'
    # Files here may have backslashes in their names.
    assert path_below(tmp_path, 'x\\y.jpg') == f'{tmp_path}/x\\y.jpg'
    (tmp_path / 'x').mkdir()
    (tmp_path / 'x' / 'y.jpg').touch()
    with pytest.raises(ValueError, match='may mean two files'):
        path_below(tmp_path, 'x\\y.jpg')


@pytest.mark.parametrize('path', ['C:\\a.jpg', 'd:/data/a.jpg', '\\\\server\\share\\a.jpg'])
def test_absolute_paths_of_windows(path):
    with pytest.raises(ValueError, match=r"Windows.*'/data'"):
        path_below(Path('/data'), path)


@pytest.mark.parametrize('path', ['..\\a', 'a\\..\\..\\b', 'a\\..', '.\\'])
def test_backslashes_do_not_lead_out(path):
    with pytest.raises(ValueError, match="is not that of a file below '/data'"):
        path_below(Path('/data'), path)


pieces = st.sampled_from(['..', '.', '/', 'a', 'data', '\0', '~', '\\', ' '])


@given(st.lists(pieces, max_size=12).map(''.join) | st.text(max_size=20))
def test_no_path_leads_out(path):
    try:
        found = path_below(Path('/data/x'), path)
    except ValueError:
        return
    assert os.path.normpath(found) == found
    assert found.startswith('/data/x/')


def test_shown():
    assert shown('a') == "'a'"
    assert shown('a\nb\x1b[2J') == r"'a\nb\x1b[2J'"
    # The class: a backslash of the user's, doubled by repr.
    assert shown(r'C:\x_c(\d+)') == r"'C:\x_c(\d+)'"
    assert shown('x' * 80) == repr('x' * 80)
    assert shown('x' * 10**7) == repr('x' * 80 + '...')
