from __future__ import annotations

import pytest

from msvitreid.datasets.dataset_root import find_dataset_root, resolve_data_root
from msvitreid.errors import DatasetError

NAMES = ('Market-1501-v15.09.15', 'market1501')
MARKERS = ('bounding_box_train', 'bounding_box_test')


def find(data_root):
    return find_dataset_root(str(data_root), 'Market1501', NAMES, MARKERS)


@pytest.mark.parametrize(
    'folder',
    [
        '.',
        'Market-1501-v15.09.15',
        'market1501',
        'Market1501',
        'MARKET_1501',
        'market1501/Market-1501-v15.09.15',
    ],
)
@pytest.mark.parametrize('marker', MARKERS)
def test_found_at_or_below_the_root(tmp_path, folder, marker):
    (tmp_path / folder / marker).mkdir(parents=True)
    assert find(tmp_path) == tmp_path / folder


def test_official_name_comes_first(tmp_path):
    for name in reversed(NAMES):
        (tmp_path / name / 'bounding_box_train').mkdir(parents=True)
    assert find(tmp_path) == tmp_path / NAMES[0]


def test_folder_without_marker_is_passed_over(tmp_path):
    (tmp_path / NAMES[0]).mkdir()
    (tmp_path / 'market1501' / 'bounding_box_train').mkdir(parents=True)
    (tmp_path / 'other' / 'bounding_box_train').mkdir(parents=True)
    assert find(tmp_path) == tmp_path / 'market1501'


@pytest.mark.parametrize('exists', [False, True])
def test_what_is_missing_is_named(tmp_path, exists):
    with pytest.raises(DatasetError) as error:
        find(tmp_path if exists else tmp_path / 'nowhere')
    wanted = (str(tmp_path), *NAMES, *MARKERS) if exists else ('nowhere', 'is not a folder')
    for part in wanted:
        assert part in str(error.value)
    assert str(error.value).endswith('set the option data_root')


@pytest.mark.parametrize(
    ('variable', 'root', 'helps'),
    [
        (None, 'data', True),
        (None, 'work_dirs/demo/data', False),
        ('empty', 'empty', True),
        ('empty', 'data', False),
        ('~/empty', '~/empty', True),
    ],
)
@pytest.mark.parametrize('exists', [False, True])
def test_the_variable_is_named_where_it_helps(
    tmp_path, monkeypatch, variable, root, helps, exists
):
    """It is hidden by a root that a config or an option states."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv('HOME', str(tmp_path))
    if variable is None:
        monkeypatch.delenv('MSVITREID_DATA_ROOT', raising=False)
    else:
        monkeypatch.setenv('MSVITREID_DATA_ROOT', variable)
    root = resolve_data_root(root)
    if exists:
        (tmp_path / root).mkdir(parents=True)
    with pytest.raises(DatasetError, match='set the option data_root') as error:
        find(root)
    assert ('or the environment variable MSVITREID_DATA_ROOT' in str(error.value)) == helps
