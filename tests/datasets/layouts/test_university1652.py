from __future__ import annotations

import shutil

import pytest

from msvitreid.datasets import University1652
from msvitreid.errors import ConfigError, DatasetError
from tests.datasets.published import assert_equals_table, build
from tests.miniature import write_university1652


@pytest.mark.parametrize(
    ('task', 'queries', 'searched'), [('drone2satellite', 18, 4), ('satellite2drone', 3, 24)]
)
def test_both_tasks(task, queries, searched, tmp_path):
    table = write_university1652(tmp_path, task=task)
    assert (len(table['query']), len(table['gallery'])) == (queries, searched)
    assert_equals_table(
        lambda split: build('university1652', tmp_path, split=split, task=task), table
    )
    assert build('university1652', tmp_path, split='test', task=task).name.endswith(task)


def test_unknown_task_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"task='drone2street'"):
        University1652(str(tmp_path), task='drone2street')


def test_training_needs_no_test_folders_nor_the_other_way_round(tmp_path):
    write_university1652(tmp_path)
    root = tmp_path / 'University-Release'
    for name in ('train', 'test/query_satellite', 'test/gallery_drone'):
        shutil.rmtree(root / name)
    assert len(build('university1652', tmp_path, split='test')) == 22
    with pytest.raises(DatasetError, match=r'train/satellite: .*missing'):
        build('university1652', tmp_path)
