"""Class of faults: a query that finds itself, another camera's image, or other conditions."""

import os

import numpy as np
import pytest
from PIL import Image

from msvitreid.apis.indexing import (
    columns_from_names,
    draw_search,
    index_images,
    list_image_files,
    open_or_create_gallery,
    parse_conditions,
    search_images,
)
from msvitreid.errors import ConfigError, DatasetError, GalleryError
from msvitreid.gallery import create_gallery

PATTERNS = {'camera': r'_c(\d)', 'pid': r'\d{4}'}


@pytest.fixture
def gallery(crops, tmp_path, inferencer):
    listed = list_image_files([crops])
    columns = columns_from_names(listed, PATTERNS)
    with open_or_create_gallery(
        tmp_path / 'g', inferencer.dimension, inferencer.fingerprint
    ) as opened:
        index_images(opened, inferencer, listed, columns)
        yield opened


def test_by_file_and_by_id(gallery, inferencer, crops):
    by_file = search_images(gallery, inferencer, [crops / 'c1' / '0001_c1.jpg'], k=3)
    assert by_file.ids[0][0] == 'c1/0001_c1.jpg'
    assert by_file.similarities[0][0] == pytest.approx(1, abs=1e-5)
    by_id = search_images(gallery, None, ids=['c1/0001_c1.jpg'], k=2)
    assert by_id.ids[0] == by_file.ids[0][1:]
    both = search_images(
        gallery, inferencer, [crops / 'c1' / '0001_c1.jpg'], ['c1/0001_c1.jpg'], k=2
    )
    assert both.ids == [by_file.ids[0][:2], by_id.ids[0]]
    assert both.as_json()[1]['hits'][0]['metadata']['camera'] in ('1', '2')


def test_without_images_of_the_same_camera(gallery, inferencer, crops):
    query = crops / 'c1' / '0001_c1.jpg'
    wanted = {'c2/0000_c2.jpg', 'c2/0001_c2.jpg', 'c2/0002_c2.jpg'}
    found = search_images(
        gallery, inferencer, [query], exclude_same=['camera'], patterns=PATTERNS
    )
    assert set(found.ids[0]) == wanted
    found = search_images(gallery, None, ids=['c1/0001_c1.jpg'], exclude_same=['camera'])
    assert set(found.ids[0]) == wanted
    with pytest.raises(ConfigError, match=r'camera.*--camera-from'):
        search_images(gallery, inferencer, [query], exclude_same=['camera'])
    found = search_images(gallery, inferencer, [query], exclude_same=['hash'])
    assert 'c1/0001_c1.jpg' not in found.ids[0]
    assert len(found.ids[0]) == 5


def test_queries_that_cannot_be_used(gallery, inferencer, crops, tmp_path):
    (tmp_path / 'text.jpg').write_text('no image')
    found = search_images(
        gallery, inferencer, [tmp_path / 'text.jpg', crops / 'c1' / '0001_c1.jpg']
    )
    assert list(found.failed) == [str(tmp_path / 'text.jpg')]
    assert len(found.ids) == 1
    with pytest.raises(DatasetError, match=r'text\.jpg'):
        search_images(gallery, inferencer, [tmp_path / 'text.jpg'])
    with pytest.raises(DatasetError, match='gone'):
        search_images(gallery, inferencer, [tmp_path / 'gone.jpg'])
    with pytest.raises(GalleryError, match=r'a\\+nb'):
        search_images(gallery, None, ids=['a\nb'])
    with pytest.raises(ConfigError, match='need a model'):
        search_images(gallery, None, [crops])
    with (
        create_gallery(tmp_path / 'other', inferencer.dimension, 'another') as other,
        pytest.raises(GalleryError, match='index reembed'),
    ):
        search_images(other, inferencer, [crops])


def test_a_column_that_no_item_has_is_an_error(gallery):
    where = parse_conditions(['camrea=1'])
    with pytest.raises(ConfigError, match=r"'camrea'.*'camera'"):
        search_images(gallery, None, ids=['c1/0001_c1.jpg'], where=where)
    where = parse_conditions(['camera=9'])
    assert search_images(gallery, None, ids=['c1/0001_c1.jpg'], where=where).ids == [[]]


@pytest.mark.parametrize(
    ('texts', 'where'),
    [
        ([], {}),
        (['camera=c1,c2'], {'camera': ['c1', 'c2']}),
        (['pid=7'], {'pid': ['7', 7]}),
        (['pid=007'], {'pid': ['007']}),
        (['day=true'], {'day': ['true', True]}),
        (['pid='], {'pid': [None]}),
        (['id="a,b.jpg",c'], {'id': ['a,b.jpg', 'c']}),
        (['id=a=b'], {'id': ['a=b']}),
        (['time>=10', 'time<2.5e1'], {'time': {'>=': 10, '<': 25.0}}),
        (['day>2026-01-01'], {'day': {'>': '2026-01-01'}}),
    ],
)
def test_conditions(texts, where):
    assert parse_conditions(texts) == where


@pytest.mark.parametrize(
    'texts',
    [
        ['camera'],
        ['=c1'],
        [''],
        ['a b=1'],
        ['time=>1'],
        ['time==1'],
        ['time!=1'],
        ['time>='],
        ['camera=1', 'camera=2'],
        ['time>1', 'time>2'],
        ['time>1', 'time=2'],
        ['time=1', 'time>2'],
        ['id="a'],
        ["y'); DROP TABLE items; --=1"],
        ['a\nb=1'],
    ],
)
def test_texts_that_are_no_conditions(texts):
    with pytest.raises(ConfigError) as error:
        parse_conditions(texts)
    assert '\n' not in str(error.value)


def test_a_picture_of_what_was_found(gallery, inferencer, crops, tmp_path):
    os.unlink(crops / 'c2' / '0002_c2.jpg')
    found = search_images(gallery, None, ids=['c1/0001_c1.jpg', 'c2/0002_c2.jpg'])
    missing = draw_search(found, tmp_path / 'new' / 'ranking.png')
    # A hit of the first query, and the second query.
    assert missing == [str(crops / 'c2' / '0002_c2.jpg')] * 2
    with Image.open(tmp_path / 'new' / 'ranking.png') as picture:
        assert (picture.format, picture.mode) == ('PNG', 'RGB')
    assert os.listdir(tmp_path / 'new') == ['ranking.png']
    with pytest.raises(ConfigError, match=r'a\.txt'):
        draw_search(found, tmp_path / 'a.txt')


def test_a_picture_has_bounds(gallery, tmp_path):
    ids = [f'a-{number:03d}' for number in range(60)]
    rows = np.random.default_rng(0).standard_normal((60, gallery.dimension))
    gallery.add(ids, rows, [{'path': '../../etc/x'}] * 60, normalize=True)
    found = search_images(gallery, None, ids=ids, threshold=-1)
    missing = draw_search(found, tmp_path / 'a.jpg', root=tmp_path)
    assert len(missing) <= 50 * 21
    with Image.open(tmp_path / 'a.jpg') as picture:
        assert max(picture.size) < 65536
