from __future__ import annotations

import re

import pytest

from msvitreid.datasets.readers.identity_folders import (
    check_camera_pattern,
    read_identity_folders,
)
from msvitreid.errors import ConfigError, DatasetError
from tests.miniature.tree import write_clutter


@pytest.fixture
def tree(tmp_path):
    def tree(*files):
        for file in files:
            path = tmp_path / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        return tmp_path

    return tree


def read(root, split, **options):
    return {
        part: [(path.removeprefix(f'{root}/'), pid, camid) for path, pid, camid in records]
        for part, records in read_identity_folders(root, split, **options).items()
    }


def test_query_and_gallery(tree):
    root = tree('train/10/a.jpg', 'train/9/b.PNG', 'query/anna/c.jpg', 'gallery/anna/d.jpg')
    write_clutter(root / 'train')
    write_clutter(root / 'train' / '9')
    (root / 'train' / '11').mkdir()
    # 9 < 10 < 11 < anna, in every split.
    assert read(root, 'train') == {
        'train': [('train/10/a.jpg', 1, -1), ('train/9/b.PNG', 0, -1)]
    }
    assert read(root, 'test') == {
        'query': [('query/anna/c.jpg', 3, -1)],
        'gallery': [('gallery/anna/d.jpg', 3, -1)],
    }
    assert read(root, 'gallery') == {'gallery': [('gallery/anna/d.jpg', 3, -1)]}


def test_folder_test_is_a_set_whose_images_search_each_other(tree):
    root = tree('train/1/a.jpg', 'test/2/b.jpg', 'test/2/c.jpg')
    assert read(root, 'test') == read(root, 'query')
    assert read(root, 'test') == {'query': [('test/2/b.jpg', 1, -1), ('test/2/c.jpg', 1, -1)]}


def test_identities_alone_are_for_training(tree):
    root = tree('anna/a.jpg', '2/b.jpg')
    assert read(root, 'train') == {'train': [('2/b.jpg', 0, -1), ('anna/a.jpg', 1, -1)]}
    for split in ('query', 'gallery', 'test'):
        with pytest.raises(DatasetError, match=f"'{split}' needs .* query"):
            read(root, split)


@pytest.mark.parametrize('name', ['nan', 'None', '-1', 'unknown', 'N.A.'])
@pytest.mark.parametrize('top', ['train/', 'query/', ''])
def test_a_folder_of_no_identity_is_refused(name, top, tree):
    """What stands for a missing value must not become one more person."""
    root = tree(f'{top}1/a.jpg', f'{top}{name}/b.jpg')
    with pytest.raises(DatasetError, match=f'{root}/{top}{name}: '):
        read(root, 'train')


@pytest.mark.parametrize(
    'names', [('1', '01'), ('1', '1.0'), ('anna', 'anna '), ('é', 'e\u0301')]
)
@pytest.mark.parametrize('tops', [('query/', 'gallery/'), ('train/', 'train/'), ('', '')])
def test_an_identity_has_one_spelling_in_all_folders(names, tops, tree):
    """One person under two names has no match in the gallery."""
    first, second = (f'{top}{name}' for top, name in zip(tops, names, strict=True))
    root = tree(f'{first}/a.jpg', f'{second}/b.jpg')
    with pytest.raises(DatasetError) as error:
        read(root, 'train')
    message = str(error.value)
    assert f'{root}/{first}' in message
    assert f'{root}/{second}' in message
    assert all(ascii(name) in message for name in names)


def test_test_beside_query_is_refused(tree):
    root = tree('test/1/a.jpg', 'query/1/a.jpg')
    with pytest.raises(DatasetError, match='keep one or the other'):
        read(root, 'test')


@pytest.mark.parametrize('split', ['train', 'gallery', 'test'])
def test_a_missing_folder_is_named(split, tree):
    root = tree('query/1/a.jpg')
    missing = 'gallery' if split == 'test' else split
    with pytest.raises(DatasetError, match=f'{missing}: .* missing'):
        read(root, split)


def test_cameras_are_found_in_names(tree):
    root = tree('train/1_c9/x_c12_0.jpg', 'train/1_c9/x_c3_1.jpg')
    assert read(root, 'train', camera_pattern=r'_c(\d+)') == {
        'train': [('train/1_c9/x_c12_0.jpg', 0, 12), ('train/1_c9/x_c3_1.jpg', 0, 3)]
    }


@pytest.mark.parametrize(
    ('name', 'pattern'),
    [
        ('x.jpg', r'_c(\d+)'),
        ('x_cA.jpg', '_c(.)'),
        ('x.jpg', '(y)?x'),
        ('9223372036854775808.jpg', r'(\d+)'),
    ],
)
def test_a_name_without_camera_is_named(name, pattern, tree):
    root = tree(f'train/1/{name}')
    with pytest.raises(DatasetError, match=f'train/1/{name}: camera_pattern'):
        read(root, 'train', camera_pattern=pattern)


@pytest.mark.parametrize(
    ('pattern', 'message'),
    [
        (r'_c\d+', r"camera_pattern='_c\d+' has no group"),
        ('(', "camera_pattern='(' is not a regular"),
        (3, 'camera_pattern=3 is not a regular'),
    ],
)
def test_a_pattern_without_group_is_refused(pattern, message):
    """The pattern is shown as the user writes it: repr doubles its backslashes."""
    with pytest.raises(ConfigError, match=re.escape(message)):
        check_camera_pattern(pattern)
