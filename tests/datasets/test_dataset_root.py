from __future__ import annotations

import pytest

from msvitreid.datasets.dataset_root import find_dataset_root
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


def test_missing_root_is_named(tmp_path):
    with pytest.raises(DatasetError, match=r"data_root '.*nowhere' is not a folder.*MSVITREID"):
        find(tmp_path / 'nowhere')


def test_what_was_looked_for_is_named(tmp_path):
    with pytest.raises(DatasetError) as error:
        find(tmp_path)
    for part in (str(tmp_path), *NAMES, *MARKERS, 'MSVITREID_DATA_ROOT', 'data_root'):
        assert part in str(error.value)
