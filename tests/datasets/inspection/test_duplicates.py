from __future__ import annotations

import pytest

from msvitreid.datasets.inspection import duplicate_findings

from .contents import contents, entry


@pytest.fixture
def file(tmp_path):
    def write(name: str, content: bytes) -> str:
        (tmp_path / name).write_bytes(content)
        return str(tmp_path / name)

    return write


def groups(findings):
    return {
        found.kind: [(sorted(p[-1] for p in item.paths), item.note) for item in found.items]
        for found in findings
    }


def test_groups_by_bytes_not_by_size(file):
    found = duplicate_findings(
        [
            contents(
                [
                    entry('train', 1, path=file('a', b'one')),
                    entry('train', 1, path=file('b', b'one')),
                    entry('train', 2, path=file('c', b'two')),
                    entry('train', 3, path=file('d', b'two')),
                    entry('train', 3, path=file('e', b'oen')),
                    entry('train', 4, path=file('f', b'three')),
                    entry('query', 9, path=file('g', b'three')),
                    entry('gallery', 9, path=file('h', b'three')),
                    entry('query', 8, path=file('i', b'four')),
                    entry('gallery', 8, path=file('j', b'four')),
                    entry('gallery', 8, path=file('k', b'alone')),
                ]
            )
        ]
    )
    assert groups(found) == {
        'duplicate_across': [(['f', 'g', 'h'], '')],
        'duplicate_train': [(['a', 'b'], ''), (['c', 'd'], 'different identities')],
        'duplicate_test': [(['i', 'j'], '')],
    }
    assert [finding.is_fault for finding in found] == [True, False, False]


def test_one_file_listed_for_train_and_test(file):
    path = file('a', b'unique in size')
    entries = [entry('train', 1, path=path), entry('query', 2, path=path)]
    found = duplicate_findings([contents(entries)])
    assert groups(found) == {'duplicate_across': [(['a'], 'listed for both')]}


def test_across_two_datasets(file):
    train = contents([entry('train', 1, path=file('a', b'same'))], 'Market1501')
    test = contents([entry('gallery', 1, path=file('b', b'same'))], 'DukeMTMC')
    (found,) = duplicate_findings([train, test])
    assert (found.kind, found.where) == ('duplicate_across', 'Market1501 and DukeMTMC')


def test_equal_numbers_of_two_datasets_are_two_identities(file):
    one = contents([entry('train', 1, path=file('a', b'same'))], 'Market1501')
    other = contents([entry('train', 1, path=file('b', b'same'))], 'DukeMTMC')
    found = duplicate_findings([one, other])
    assert groups(found) == {'duplicate_train': [(['a', 'b'], 'different identities')]}


def test_empty_and_missing_files_are_no_duplicates(file, tmp_path):
    entries = [entry('train', 1, path=file('a', b'')), entry('query', 2, path=file('b', b''))]
    entries += [
        entry('train', 1, path=f'{tmp_path}/x'),
        entry('query', 2, path=f'{tmp_path}/y'),
    ]
    assert duplicate_findings([contents(entries)]) == []


def test_only_files_of_one_size_are_read(file, monkeypatch):
    paths = [file('a', b'same'), file('b', b'same'), file('c', b'longer')]
    read = []
    module = 'msvitreid.datasets.inspection.duplicates._digest'
    monkeypatch.setattr(module, lambda path: read.append(path) or path)
    duplicate_findings([contents([entry('train', 1, path=path) for path in paths])])
    assert sorted(read) == paths[:2]
