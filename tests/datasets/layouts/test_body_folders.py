from __future__ import annotations

import pytest

from msvitreid.datasets import OccludedREID, PartialREID
from msvitreid.datasets.layouts.body_folders import read_identities
from msvitreid.errors import ConfigError, DatasetError
from tests.datasets.published import build, rows
from tests.miniature import WRITERS, TreeShape, write_occluded_reid, write_partial_reid


@pytest.mark.parametrize(
    ('name', 'folder'),
    [
        ('p_dukemtmc', 'P-DukeMTMC-reid/test/whole_body_images'),
        ('occluded_reid', 'Occluded_REID/whole_body_images'),
        ('partial_reid', 'Partial-REID_Dataset/whole_body_images'),
    ],
)
def test_folder_or_file_without_identity_is_named(name, folder, tmp_path):
    WRITERS[name](tmp_path)
    stray = tmp_path / folder / 'someone'
    stray.mkdir()
    with pytest.raises(DatasetError, match=r'whole_body_images/someone: .*number'):
        build(name, tmp_path, split='gallery')
    stray.rmdir()
    (tmp_path / folder / 'c1_001.jpg').touch()
    with pytest.raises(DatasetError, match=r'whole_body_images/c1_001\.jpg: .*<pid>_'):
        build(name, tmp_path, split='gallery')


@pytest.mark.parametrize('dataset_type', [OccludedREID, PartialREID])
def test_test_sets_have_no_train_split(dataset_type, tmp_path):
    with pytest.raises(
        ConfigError,
        match=rf"{dataset_type.__name__} is .*'test'",
    ):
        dataset_type(str(tmp_path), split='train')


def test_occluded_and_partial_reid_are_not_mixed_up(tmp_path):
    occluded = write_occluded_reid(tmp_path, TreeShape(test_identities=2))
    partial = write_partial_reid(tmp_path, TreeShape(test_identities=4))
    for name, table in (('occluded_reid', occluded), ('partial_reid', partial)):
        assert rows(build(name, tmp_path, split='test'), 'query') == sorted(table['query'])


def test_two_folders_of_one_number_are_named(tmp_path):
    """Two people must not become one because their folders are numbers of equal value."""
    for name in ('0007', '07'):
        (tmp_path / name).mkdir()
    with pytest.raises(DatasetError, match=r'/07: .*0007'):
        list(read_identities(tmp_path))


@pytest.mark.parametrize('folder', ['occludedreid', 'OccludedREID', 'occluded-reid'])
def test_common_names_of_occluded_reid(folder, tmp_path):
    write_occluded_reid(tmp_path)
    (tmp_path / 'Occluded_REID').rename(tmp_path / folder)
    assert len(build('occluded_reid', tmp_path, split='query')) == 18


@pytest.mark.parametrize('folder', ['Partial_REID', 'PartialREID'])
def test_common_names_of_partial_reid(folder, tmp_path):
    write_partial_reid(tmp_path)
    (tmp_path / 'Partial-REID_Dataset').rename(tmp_path / folder)
    assert len(build('partial_reid', tmp_path, split='query')) == 18
