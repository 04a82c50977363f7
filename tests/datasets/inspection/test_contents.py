from __future__ import annotations

from pathlib import Path

import pytest

from msvitreid.datasets.inspection import (
    duplicate_findings,
    read_contents,
    shared_identity_findings,
    shared_name_findings,
)
from tests.miniature import WRITERS

SIZES = (800, 1600, 2400)


def vehicleid(root: Path, *sizes: int) -> list[dict]:
    given = {'type': 'VehicleID', 'data_root': str(root), 'on_count_mismatch': 'ignore'}
    tests = [{**given, 'split': 'test', 'test_size': size} for size in sizes]
    return [{**given, 'split': 'train'}, *tests]


def own(root: Path, **csv_of: str) -> list[dict]:
    """Configs of own data in lists, by split."""
    given = {'type': 'ReIDDataset', 'data_root': str(root)}
    return [{**given, 'split': split, 'csv': csv} for split, csv in csv_of.items()]


@pytest.fixture
def lists(tmp_path):
    """A folder of images, each list of which numbers its identities from 0."""
    for name, content in (('a', b'same'), ('b', b'other'), ('c', b'same'), ('d', b'fourth')):
        (tmp_path / f'{name}.jpg').write_bytes(content)
    train, test = 'a.jpg,anna,train\nb.jpg,bert,train\n', 'c.jpg,carl,test\nd.jpg,dora,test\n'
    for name, rows in (('train', train), ('test', test), ('both', train + test)):
        (tmp_path / f'{name}.csv').write_text(f'path,pid,split\n{rows}')
    return tmp_path


def shared(configs: list[dict]) -> dict[str, list[str]]:
    """Shared identities by the name of the test set."""
    return {
        finding.where: [item.note for item in finding.items]
        for one in read_contents(configs)
        for finding in shared_identity_findings(one)
    }


def test_one_test_set_takes_the_training_set_in(tmp_path):
    WRITERS['vehicleid'](tmp_path)
    (one,) = read_contents(vehicleid(tmp_path, 800))
    assert one.name == 'VehicleID 800'
    assert list(one.splits) == ['train', 'query']
    assert one.train == one.splits['train']


@pytest.mark.parametrize('backwards', [False, True])
def test_of_several_test_sets_each_knows_the_training_set_and_one_reports_it(
    backwards, tmp_path
):
    WRITERS['vehicleid'](tmp_path)
    configs = vehicleid(tmp_path, *SIZES)
    found = read_contents(reversed(configs) if backwards else configs)
    assert {one.name for one in found} == {f'VehicleID {size}' for size in SIZES}
    assert [list(one.splits) for one in found] == [['train', 'query'], ['query'], ['query']]
    assert [len(one.train) for one in found] == [36, 36, 36]


def test_other_folders_are_other_datasets(tmp_path):
    for name in ('a', 'b'):
        WRITERS['vehicleid'](tmp_path / name)
    configs = [vehicleid(tmp_path / 'a')[0], vehicleid(tmp_path / 'b', 800)[1]]
    assert [list(one.splits) for one in read_contents(configs)] == [['train'], ['query']]


@pytest.mark.parametrize('first', SIZES)
def test_shared_identities_are_found_in_every_test_list(first, tmp_path):
    WRITERS['vehicleid'](tmp_path)
    assert shared(vehicleid(tmp_path, *SIZES)) == {}
    folder = tmp_path / 'VehicleID_V1.0'
    (folder / 'image/0000003.jpg').write_bytes(b'')
    with_it = [size for size in SIZES if size >= first]
    for size in with_it:
        with (folder / f'train_test_split/test_list_{size}.txt').open('a') as file:
            file.write('0000003 2\n')
    assert shared(vehicleid(tmp_path, *SIZES)) == {
        f'VehicleID {size}': ['identity 2'] for size in with_it
    }


def test_a_shared_class_of_a_self_retrieval_set_is_found(tmp_path):
    WRITERS['sop'](tmp_path)
    configs = [
        {
            'type': 'SOP',
            'data_root': str(tmp_path),
            'on_count_mismatch': 'ignore',
            'split': split,
        }
        for split in ('train', 'test')
    ]
    assert shared(configs) == {}
    folder = tmp_path / 'Stanford_Online_Products'
    with (folder / 'Ebay_test.txt').open('a') as file:
        file.write('99 4 1 bicycle_final/1_0.JPG\n')
    assert shared(configs) == {'SOP': ['identity 4']}


def test_a_shared_identity_of_one_list_is_found(lists):
    # The same list, however it is called.
    configs = own(lists, train='both.csv', test=str(lists / 'both.csv'))
    assert shared(configs) == {}
    with (lists / 'both.csv').open('a') as file:
        file.write('e.jpg,bert,test\n')
    assert shared(configs) == {'ReIDDataset': ['identity bert']}


def test_two_lists_are_not_compared_by_their_numbers(lists):
    configs = own(lists, train='train.csv', test='test.csv')
    found = read_contents(configs)
    assert [list(one.splits) for one in found] == [['train'], ['query']]
    assert [
        [e['pid'] for e in entries] for one in found for entries in one.splits.values()
    ] == [
        [0, 1],
        [0, 1],
    ]
    assert shared(configs) == {}


def test_two_lists_are_compared_by_the_bytes_of_their_images(lists):
    (found,) = duplicate_findings(read_contents(own(lists, train='train.csv', test='test.csv')))
    assert found.is_fault
    assert [item.paths for item in found.items] == [
        (str(lists / 'a.jpg'), str(lists / 'c.jpg'))
    ]


def test_names_in_both_lists_of_one_folder_are_a_fault(lists):
    """Leaks: the lists number their identities apart, but a name means one identity."""
    assert (
        shared_name_findings(read_contents(own(lists, train='train.csv', test='test.csv')))
        == []
    )
    with (lists / 'test.csv').open('a') as file:
        file.write('e.jpg,bert,test\n')
    (found,) = shared_name_findings(
        read_contents(own(lists, train='train.csv', test='test.csv'))
    )
    assert found.is_fault
    assert [item.note for item in found.items] == ['identity bert']


def test_names_are_one_in_two_lists_whatever_their_spelling(lists):
    """Ids: 1 and 01 in two lists of one folder are one identity, as they are in one list."""
    (lists / 'train.csv').write_text('path,pid,split\na.jpg,1,train\n')
    (lists / 'test.csv').write_text('path,pid,split\nb.jpg,01,test\nc.jpg,2,test\n')
    (found,) = shared_name_findings(
        read_contents(own(lists, train='train.csv', test='test.csv'))
    )
    assert [(item.paths, item.note) for item in found.items] == [
        ((str(lists / 'a.jpg'), str(lists / 'b.jpg')), 'identity 01')
    ]


def test_a_pipeline_may_state_the_range_of_values(lists):
    load = dict(type='LoadImage', value_range=(0, 1023))
    for pipeline in ([load], [dict(type='KeepInMemory', transforms=[load], size=(8, 4))]):
        (config,) = own(lists, train='train.csv')
        (contents,) = read_contents([{**config, 'pipeline': pipeline}])
        assert contents.value_range == (0, 1023)
