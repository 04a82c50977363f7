"""The approximate index: its recall is measured, and what it misses is filled in."""

from __future__ import annotations

import numpy as np
import pytest

from msvitreid.errors import GalleryError
from msvitreid.gallery import create_gallery, open_gallery

from .made import MODEL, columns, names, unit

D = 16


def test_without_faiss_it_is_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__('sys').modules, 'faiss', None)
    with create_gallery(tmp_path / 'g', D, MODEL) as gallery:
        gallery.add(names(5), unit(5, D))
        with pytest.raises(GalleryError, match='gallery-index'):
            gallery.build_index('hnsw')


@pytest.fixture
def gallery(tmp_path):
    pytest.importorskip('faiss')
    with create_gallery(tmp_path / 'g', D, MODEL) as gallery:
        gallery.add(names(30_000), unit(30_000, D), columns(30_000))
        yield gallery


def test_index_is_measured_kept_and_shown(gallery):
    queries = unit(50, D, seed=1)
    exact = gallery.search(queries)
    for kind in ('ivf-sq8', 'hnsw'):
        recall = gallery.build_index(kind, min_recall=0.8)
        found = gallery.search(queries, recall=0.8)
        assert found.exactness.startswith(f'{kind} (recall@10 {recall:.3f}')
        shared = [len({*a} & {*b}) for a, b in zip(exact.ids, found.ids, strict=True)]
        assert np.mean(shared) / 10 > 0.8
        with open_gallery(gallery.path, readonly=True) as reader:
            assert reader.search(queries, recall=0.8).ids == found.ids
    assert len(list(gallery.path.glob('index-*'))) == 1
    assert gallery.search(queries).exactness == 'exact'
    with pytest.raises(GalleryError, match='one of hnsw'):
        gallery.build_index('lsh')


def test_index_of_too_little_recall_is_not_used(gallery):
    gallery.build_index('hnsw', min_recall=0.5)
    gallery._session.database.execute('UPDATE approximate SET recall = 0.75')
    assert 'recall@10 0.750' in gallery.search(unit(1, D), recall=0.75).exactness
    with pytest.raises(GalleryError, match=r'0\.750, less than'):
        gallery.search(unit(1, D), recall=0.8)


def test_index_below_the_recall_asked_for_is_not_kept(gallery, monkeypatch):
    monkeypatch.setattr('msvitreid.gallery.approximate.recall_at', lambda *_: 0.5)
    with pytest.raises(GalleryError, match=r'0\.500'):
        gallery.build_index('hnsw')
    assert not list(gallery.path.glob('index-*'))


def test_rows_that_changed_since_are_right(gallery):
    gallery.build_index('hnsw', min_recall=0.5)
    query = unit(1, D, seed=2)
    first = gallery.search(query, recall=0.5).ids[0]
    gallery.remove(first[:3])
    gallery.add(['new'], query)
    found = gallery.search(query, recall=0.5).ids[0]
    assert found[0] == 'new'
    assert not {*first[:3]} & {*found}
    # Filters that leave few of the candidates: searched exactly.
    where = {'time': {'<': 10}}
    found = gallery.search(query, recall=0.5, where=where)
    assert found.ids == gallery.search(query, where=where).ids
    found = gallery.search(query, recall=0.5, exclude={'camera': ['c0']})
    assert all(row['camera'] != 'c0' for row in found.metadata[0] if row)
    gallery.compact()
    with pytest.raises(GalleryError, match='no index'):
        gallery.search(query, recall=0.5)


def test_damaged_index_is_refused(gallery):
    gallery.build_index('hnsw', min_recall=0.5)
    (file,) = gallery.path.glob('index-*')
    file.write_bytes(b'\xff' * 1000)
    with (
        open_gallery(gallery.path, readonly=True) as reader,
        pytest.raises(GalleryError, match='damaged'),
    ):
        reader.search(unit(1, D), recall=0.5)
