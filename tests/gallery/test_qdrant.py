"""The Qdrant gallery, in the client's local mode, against the embedded one."""

from __future__ import annotations

import numpy as np
import pytest

from msvitreid.errors import GalleryError
from msvitreid.gallery import QdrantGallery, create_gallery, open_gallery

from .made import MODEL, columns, names, unit

# The local mode warns that it searches exactly, as it is asked to.
pytestmark = pytest.mark.filterwarnings('ignore:Local mode', 'ignore:Api key')
qdrant_client = pytest.importorskip('qdrant_client')
D = 16


@pytest.fixture
def data():
    hashes = [f'h{number // 2}' for number in range(60)]
    rows = [{**row, 'flag': row['pid'] == 1} for row in columns(60)]
    return names(60), unit(60, D), rows, hashes


@pytest.fixture
def embedded(tmp_path, data):
    with create_gallery(tmp_path / 'gallery', D, MODEL) as gallery:
        gallery.add(*data)
        yield gallery


@pytest.fixture
def gallery(data):
    client = qdrant_client.QdrantClient(':memory:')
    with QdrantGallery.create_in(client, 'people', D, MODEL) as gallery:
        gallery.add(*data)
        yield gallery


@pytest.mark.parametrize(
    'options',
    [
        {},
        {'k': 100},
        {'threshold': 0.3},
        {'k': 2, 'threshold': 0.1},
        {'where': {'pid': 2}},
        {'where': {'pid': 2.0, 'camera': ['c1', 'c2']}},
        {'where': {'time': {'<': 9, '>=': 2.25}}},
        {'where': {'flag': True}},
        {'where': {'flag': 1}},
        {'where': {'pid': []}},
        {'where': {'pid': [1, 'x', None]}},
        {'where': {'missing': None}},
        {'where': {'hash': 'h3'}},
        {'exclude': {'camera': ['c0', None, 'c1'], 'id': names(3)}},
        {'exclude': {'id': [names(3), None, names(40)[20:]]}},
        {'group_by': 'pid', 'k': 3},
        {'group_by': 'pid', 'k': 3, 'reduce': 'mean'},
        {'expand': 3},
        {'rerank': {'first': 20, 'k1': 5, 'k2': 2}},
    ],
)
def test_searches_give_what_the_embedded_gallery_gives(gallery, embedded, options):
    queries = unit(3, D, seed=1)
    ours, theirs = embedded.search(queries, **options), gallery.search(queries, **options)
    assert theirs.ids == ours.ids
    assert theirs.metadata == ours.metadata
    for left, right in zip(theirs.similarities, ours.similarities, strict=True):
        np.testing.assert_allclose(left, right, atol=1e-6)
    if where := options.get('where'):
        assert gallery.count(where) == embedded.count(where)


def test_changes(gallery, embedded, data):
    for store in (gallery, embedded):
        store.remove(data[0][:10])
        store.update(data[0][10:12], unit(2, D, seed=3))
        store.update(data[0][12:13], metadata=[{'pid': 77}])
        with pytest.raises(GalleryError, match='image-00000'):
            store.remove([data[0][20], data[0][0]])
        with pytest.raises(GalleryError, match='image-00020'):
            store.add(['new', data[0][20]], unit(2, D))
    assert gallery.count() == 50
    assert gallery.get([data[0][10]])[data[0][10]].hash is None
    assert gallery.search(unit(2, D), 60).ids == embedded.search(unit(2, D), 60).ids
    assert gallery.verify() == embedded.verify()
    gallery.compact()


def test_copies_either_way(gallery, embedded, data, tmp_path):
    assert embedded.copy_to(gallery).skipped == 60
    gallery.remove(data[0][:7])
    gallery.update(data[0][7:8], hashes=['old'])
    report = embedded.copy_to(gallery, batch_size=13)
    assert (report.added, report.updated, report.skipped) == (7, 1, 52)
    with create_gallery(tmp_path / 'back', D, MODEL) as back:
        assert gallery.copy_to(back, batch_size=11).added == 60
        assert back.search(unit(2, D), 9).ids == embedded.search(unit(2, D), 9).ids
    other = QdrantGallery.create_in(qdrant_client.QdrantClient(':memory:'), 'o', D, 'another')
    with pytest.raises(GalleryError, match='fingerprint'):
        embedded.copy_to(other)


def test_recall_is_measured_before_the_index_is_used(gallery):
    with pytest.raises(GalleryError, match='recall'):
        gallery.search(unit(1, D), recall=0.9)
    # The local mode has no index; all its searches are exact.
    assert gallery.build_index('hnsw', sample=20) == 1
    assert 'recall@10 1.000' in gallery.search(unit(1, D), recall=0.9).exactness


def test_wrong_collections_and_urls(gallery, monkeypatch):
    client = gallery._client
    client.create_collection(
        'foreign', vectors_config=qdrant_client.models.VectorParams(size=4, distance='Dot')
    )
    for name, match in (('foreign', 'no gallery'), ('missing', 'no collection')):
        with pytest.raises(GalleryError, match=match):
            QdrantGallery(client, name)
    with pytest.raises(GalleryError, match='exists already'):
        QdrantGallery.create_in(client, 'people', D, MODEL)
    with pytest.raises(GalleryError, match='int8'):
        QdrantGallery.create_in(client, 'small', D, MODEL, 'int8')
    with pytest.raises(GalleryError, match='another'):
        QdrantGallery(client, 'people', fingerprint='another')
    with pytest.raises(GalleryError, match='texts'):
        gallery.count({'camera': {'<': 'c1'}})
    with pytest.raises(GalleryError, match='read-only'):
        QdrantGallery(client, 'people', readonly=True).remove(names(1))
    for url in ('qdrant://host', 'qdrant://host:port/c', 'qdrant://key@host/c', 'qdrant:///c'):
        with pytest.raises(GalleryError, match='QDRANT_API_KEY'):
            open_gallery(url)


def test_a_server_that_does_not_answer_is_a_sentence():
    with pytest.raises(GalleryError, match='did not answer'):
        open_gallery('qdrant://127.0.0.1:9/people')
