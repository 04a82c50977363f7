from __future__ import annotations

import os

import pytest

from msvitreid.datasets import ReIDDataset
from msvitreid.datasets.leaks import leak_warnings


@pytest.fixture
def csv(tmp_path):
    """Datasets of a list; files exist, and are different ones unless linked."""

    def build(name, split, *rows):
        for row in rows:
            path = tmp_path / row.split(',')[0]
            path.parent.mkdir(exist_ok=True)
            if not os.path.lexists(path):
                path.touch()
        lines = '\n'.join(('path,pid,camid,split', *rows))
        (tmp_path / name).write_text(lines)
        return ReIDDataset(str(tmp_path), split=split, csv=name)

    return build


def test_queries_in_the_gallery_by_a_link(csv, tmp_path):
    """Leaks: 17 of 28 queries of a public split are in its gallery."""
    (tmp_path / 'g').mkdir()
    rows = []
    for number in range(28):
        if number < 17:
            make = os.link if number % 2 else os.symlink
            (tmp_path / 'q').mkdir(exist_ok=True)
            (tmp_path / 'q' / f'{number}.jpg').touch()
            make(tmp_path / 'q' / f'{number}.jpg', tmp_path / 'g' / f'{number}.jpg')
        rows += [f'q/{number}.jpg,{number},,query', f'g/{number}.jpg,{number},,gallery']
    (warning,) = leak_warnings(None, csv('test.csv', 'test', *rows))
    assert warning.startswith('17 of 28 queries are in the gallery')
    assert f'{tmp_path}/q/' in warning


def test_what_the_market_rule_leaves_out_is_no_leak(csv, tmp_path):
    (tmp_path / 'a.jpg').touch()
    os.link(tmp_path / 'a.jpg', tmp_path / 'b.jpg')
    same = csv('same.csv', 'test', 'a.jpg,anna,door,query', 'b.jpg,anna,door,gallery')
    assert list(leak_warnings(None, same)) == []
    other = csv('other.csv', 'test', 'a.jpg,anna,door,query', 'b.jpg,anna,hall,gallery')
    assert len(list(leak_warnings(None, other))) == 1


def test_test_images_and_identities_that_are_trained_on(csv):
    train = csv('train.csv', 'train', '1.jpg,066,,train', '2.jpg,bert,,train')
    test = csv(
        'test.csv', 'test', '2.jpg,carl,,query', '3.jpg,066,,gallery', '4.jpg,carl,,gallery'
    )
    images, identities = leak_warnings(train, test)
    assert images.startswith('1 of 3 test images are training images')
    assert identities.startswith("1 of 2 test identities are trained on, as '066'")


def test_test_identities_that_are_trained_on_under_another_spelling(csv):
    """Ids: two lists wrote 1 and 01, so that a person of both was two without a word."""
    train = csv('train.csv', 'train', '1.jpg,1,,train', '2.jpg,José,,train', '3.jpg,2,,train')
    rows = ('4.jpg,01,,query', '5.jpg,Jose\u0301,,gallery', '6.jpg,22,,gallery')
    (warning,) = leak_warnings(train, csv('test.csv', 'test', *rows))
    assert warning.startswith("2 of 3 test identities are trained on, as '01' ('1' there)")


def test_clean_data(csv):
    train = csv('train.csv', 'train', '1.jpg,a,,train')
    test = csv('test.csv', 'test', '2.jpg,b,,query', '3.jpg,b,,gallery')
    assert list(leak_warnings(train, test)) == []


def test_equal_names_in_two_folders_may_be_two_identities(csv, tmp_path):
    for name in ('here', 'there'):
        (tmp_path / name / '7').mkdir(parents=True)
        (tmp_path / name / '7' / 'a.jpg').touch()
        (tmp_path / name / 'x.csv').write_text('path,pid\n7/a.jpg,7\n')
    train = ReIDDataset(str(tmp_path / 'here'), csv='x.csv')
    test = ReIDDataset(str(tmp_path / 'there'), split='test', csv='x.csv')
    assert list(leak_warnings(train, test)) == []


def test_long_names_are_compared_whole(csv):
    """Names that agree in what a message shows of them are two identities."""
    long = 'person-from-site-north-entrance-2024-06-01-000'
    train = csv('train.csv', 'train', f'1.jpg,{long}0,,train', f'2.jpg,{long}1,,train')
    test = csv('test.csv', 'test', f'3.jpg,{long}2,,query', f'4.jpg,{long}2,,gallery')
    assert list(leak_warnings(train, test)) == []
