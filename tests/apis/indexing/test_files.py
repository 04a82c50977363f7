"""Class of faults: an image that gets another id, two ids, or the id of another image."""

import os

import pytest

from msvitreid.apis.indexing import image_paths, list_image_files, require_outside
from msvitreid.errors import ConfigError, DatasetError

from .crops import draw


def ids(listed):
    return [image.id for image in listed.files]


def test_ids_are_paths_below_the_folder(crops):
    listed = list_image_files([crops])
    assert len(listed.files) == 6
    assert ids(listed)[:2] == ['c1/0000_c1.jpg', 'c1/0001_c1.jpg']
    assert listed.files[0].path == str(crops / 'c1' / '0000_c1.jpg')
    assert listed.folders == (str(crops),)
    assert ids(list_image_files([crops / 'c1'])) == [f'000{n}_c1.jpg' for n in range(3)]
    assert ids(list_image_files([crops / 'c1'], root=crops)) == ids(listed)[:3]


def test_patterns_lists_and_single_files(crops, monkeypatch):
    assert ids(list_image_files([str(crops / '*' / '0001*.jpg')])) == [
        'c1/0001_c1.jpg',
        'c2/0001_c2.jpg',
    ]
    (crops / 'some.txt').write_text('c1/0000_c1.jpg\n\n./c2/0001_c2.jpg \nc1\n')
    listed = list_image_files([f'@{crops / "some.txt"}'])
    assert ids(listed) == [*(f'c1/000{n}_c1.jpg' for n in range(3)), 'c2/0001_c2.jpg']
    assert listed.folders == ()
    monkeypatch.chdir(crops / 'c1')
    assert ids(list_image_files(['0000_c1.jpg', '../c2/0001_c2.jpg'])) == [
        '0000_c1.jpg',
        '0001_c2.jpg',
    ]
    draw(crops / '@odd.jpg', 1)
    assert ids(list_image_files([crops / '@odd.jpg'])) == ['@odd.jpg']
    assert image_paths(['0000_c1.jpg', '0000_c1.jpg']) == ['0000_c1.jpg'] * 2


def test_an_image_is_listed_once(crops):
    assert len(list_image_files([crops, crops / 'c1', crops / 'c1' / '0000_c1.jpg']).files) == 6


def test_two_images_never_share_an_id(crops):
    draw(crops / 'c2' / '0000_c1.jpg', 5)
    with pytest.raises(DatasetError, match=r'0000_c1\.jpg.*--root'):
        list_image_files([crops / 'c1', crops / 'c2'])
    listed = list_image_files([crops / 'c1', crops / 'c2'], root=crops)
    assert len(listed.files) == 7


@pytest.mark.parametrize(
    ('inputs', 'root', 'match'),
    [
        (['gone'], None, 'gone'),
        (['empty'], None, 'empty.*no images'),
        (['crops/*.gif'], None, r'\*\.gif'),
        (['@gone.txt'], None, r'gone\.txt'),
        (['@blank.txt'], None, r'blank\.txt'),
        (['@up.txt'], None, r'x\.jpg'),
        (['crops'], 'empty', 'crops'),
    ],
)
def test_inputs_that_are_none(crops, monkeypatch, inputs, root, match):
    monkeypatch.chdir(crops.parent)
    os.mkdir('empty')
    (crops.parent / 'blank.txt').write_text('\n')
    (crops.parent / 'up.txt').write_text('../x.jpg\n')
    with pytest.raises(DatasetError, match=match):
        list_image_files(inputs, root)


def test_names_that_are_no_ids_are_listed_apart(crops):
    draw(crops / 'line\nbreak.jpg', 1)
    os.rename(crops / 'c1' / '0000_c1.jpg', os.fsencode(crops / 'c1') + b'/caf\xe9.jpg')
    deep = crops.joinpath(*['d' * 200] * 6)
    draw(deep / 'a.jpg', 2)
    listed = list_image_files([crops])
    assert 'line\nbreak.jpg' in ids(listed)
    assert len(listed.files) == 6
    (unicode, long) = sorted(listed.failed.items())
    assert 'Unicode' in unicode[1]
    assert '1,024' in long[1]


def test_nothing_is_written_among_the_images(crops, monkeypatch):
    monkeypatch.chdir(crops)
    (crops.parent / 'link').symlink_to(crops / 'c1')
    for output in (crops / 'g', crops, 'g', crops.parent / 'link' / 'g'):
        with pytest.raises(ConfigError, match='crops'):
            require_outside(output, [crops], 'the gallery')
    with pytest.raises(ConfigError, match=r'a\.csv'):
        require_outside('a.csv', ['@a.csv'], '--out')
    require_outside(crops.parent / 'crops2', [crops], 'the gallery')
    require_outside('qdrant://host/crops', [crops], 'the gallery')
