from __future__ import annotations

import pytest

from msvitreid.datasets import JoinedDataset, ReIDDataset
from msvitreid.datasets.inspection import (
    as_text,
    read_contents,
    scarce_identity_findings,
    shared_identity_findings,
    unmatched_query_findings,
)
from msvitreid.datasets.readers.id_names import IdNames
from msvitreid.errors import DatasetError


@pytest.fixture
def folders(tmp_path):
    """58 identities, of which '066' has number 57."""
    names = [f'{number:03d}' for number in (*range(57), 66)]
    for name in names:
        (tmp_path / 'train' / name).mkdir(parents=True)
        (tmp_path / 'train' / name / 'a.jpg').touch()
    for split in ('query', 'gallery'):
        (tmp_path / split / '066').mkdir(parents=True)
    (tmp_path / 'query' / '066' / 'a.jpg').touch()
    (tmp_path / 'gallery' / '066' / 'b.jpg').touch()
    return tmp_path


def test_the_names_of_folders(folders):
    """Names in errors: the user's '066', not the number 57 that it has inside."""
    dataset = ReIDDataset(str(folders))
    assert dataset.get_data_info(57)['pid'] == 57
    assert dataset.id_names.pid(57) == '066'
    # They may name persons, so checkpoints, which hold the meta information, lack them.
    assert '066' not in str(dataset.metainfo)


def test_an_identity_without_a_readable_image_is_named(folders):
    dataset = ReIDDataset(
        str(folders), pipeline=[dict(type='LoadImage')], on_unreadable='redraw'
    )
    with pytest.raises(DatasetError, match='identity 066 can be read'):
        dataset[57]


def test_the_checker_names_identities_and_cameras(tmp_path):
    rows = ('1.jpg,066,door,train', '2.jpg,066,door,train', '3.jpg,066,hall,query',
            '4.jpg,x,door,gallery')  # fmt: skip
    (tmp_path / 'list.csv').write_text('\n'.join(('path,pid,camid,split', *rows)))
    given = dict(type='ReIDDataset', data_root=str(tmp_path), csv='list.csv')
    (contents,) = read_contents([{**given, 'split': split} for split in ('train', 'test')])
    notes = [
        (finding.kind, item.note)
        for find in (
            scarce_identity_findings,
            shared_identity_findings,
            unmatched_query_findings,
        )
        for finding in find(contents)
        for item in finding.items
    ]
    assert notes == [
        ('single_camera', 'identity 066, camera door'),
        ('shared_identity', 'identity 066'),
        ('unmatched_query', 'identity 066, camera hall'),
    ]
    assert '  door  ' in as_text([contents], [])


def test_a_joined_set_knows_the_names_of_its_members(tmp_path):
    for root, identity in (('a', '066'), ('b', 'anna')):
        (tmp_path / root).mkdir()
        (tmp_path / root / 'x.csv').write_text(f'path,pid,camid\n1.jpg,{identity},door\n')
    members = [
        dict(type='ReIDDataset', data_root=str(tmp_path / name), csv='x.csv', name=name)
        for name in 'ab'
    ]
    joined = JoinedDataset(members)
    assert [joined.id_names.pid(number) for number in range(2)] == ['066', 'anna']
    assert joined.id_names.camid(1) == 'door'


def test_a_number_without_a_name_is_itself():
    assert IdNames().pid(57) == '57'
    assert IdNames(camids={1: 'a\nb'}).camid(1) == r'a\nb'
