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
        'duplicate_query_gallery': [(['g', 'h'], ''), (['i', 'j'], '')],
        'duplicate_train': [(['a', 'b'], ''), (['c', 'd'], 'different identities')],
    }
    assert [finding.is_fault for finding in found] == [True, True, False]


def test_queries_that_find_themselves_are_a_fault(file):
    """Leaks between query and gallery: 17 of 28 queries of a public split are in its gallery."""
    entries = []
    for number in range(28):
        content = b'image %d' % number
        entries.append(entry('query', number, path=file(f'q{number}', content)))
        copied = content if number < 17 else content + b' once more'
        entries.append(entry('gallery', number, path=file(f'g{number}', copied)))
    (found,) = duplicate_findings([contents(entries)])
    assert (found.kind, found.is_fault, len(found.items)) == (
        'duplicate_query_gallery',
        True,
        17,
    )


def test_a_copy_that_the_market_rule_leaves_out_is_information(file):
    """VeRi-776 repeats its queries in the gallery, by the same camera."""
    entries = [
        entry('query', 1, 3, file('a', b'one')),
        entry('gallery', 1, 3, file('b', b'one')),
        entry('query', 2, 3, file('c', b'two')),
        entry('gallery', 2, 4, file('d', b'two')),
        entry('query', 5, 3, file('e', b'six')),
        entry('gallery', 6, 3, file('f', b'six')),
    ]
    assert groups(duplicate_findings([contents(entries)])) == {
        'duplicate_query_gallery': [(['c', 'd'], ''), (['e', 'f'], 'identities 5 and 6')],
        'duplicate_test': [(['a', 'b'], '')],
    }


def test_a_query_listed_for_the_gallery_too(file):
    path = file('a', b'one')
    entries = [entry('query', 1, path=path), entry('gallery', 1, path=path)]
    (found,) = duplicate_findings([contents(entries)])
    assert found.items == (((path,), 'listed for both'),)


def test_a_huge_sparse_file_is_not_hashed(file, monkeypatch):
    monkeypatch.setattr('msvitreid.utils.regular_file.MAX_BYTES', 2)
    entries = [entry('train', 1, path=file(name, b'one')) for name in 'ab']
    assert duplicate_findings([contents(entries)]) == []


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
