"""The embedded gallery against loops over its items."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from msvitreid.errors import GalleryError
from msvitreid.gallery import EmbeddedGallery, create_gallery, open_gallery
from msvitreid.gallery.items import Item

from .made import MODEL, columns, names, plain_search, unit

D = 24


@pytest.fixture
def data():
    """300 items; every tenth vector is there twice."""
    vectors = unit(300, D)
    vectors[5::10] = vectors[0::10]
    return names(300), vectors, columns(300), [f'h{number // 2}' for number in range(300)]


@pytest.fixture
def items(data):
    return [
        Item(id_, metadata, hash_, vector)
        for id_, vector, metadata, hash_ in zip(*data, strict=True)
    ]


@pytest.fixture
def gallery(tmp_path, data):
    with create_gallery(tmp_path / 'gallery', D, MODEL) as gallery:
        # In several batches, after which the order of insertion counts.
        for start in range(0, 300, 70):
            gallery.add(*(part[start : start + 70] for part in data))
        yield gallery


def compare(results, items, queries, k, fits=lambda item, query: True, threshold=-np.inf):
    assert len(results) == len(queries)
    for place, query in enumerate(queries):
        expected = plain_search(
            items, query, k, threshold, lambda item, place=place: fits(item, place)
        )
        assert results.ids[place] == [id_ for id_, _ in expected]
        np.testing.assert_allclose(
            results.similarities[place], [value for _, value in expected], atol=1e-6
        )


@pytest.mark.parametrize('k', [1, 7, 300, 1000])
def test_nearest_items_with_ties_in_order_of_insertion(gallery, items, data, k):
    queries = np.concatenate([data[1][:20], unit(10, D, seed=1)])
    results = gallery.search(queries, k)
    compare(results, items, queries, k)
    assert results.exactness == 'exact'
    assert results.metadata[0][0] == items[0].metadata


def test_one_query_and_many_give_the_same_numbers(gallery):
    """The class: results that depend on what else is searched at the same time."""
    queries = unit(70, D, seed=2)
    many = gallery.search(queries, 9)
    for place in range(70):
        one = gallery.search(queries[place : place + 1], 9)
        assert one.ids[0] == many.ids[place]
        assert (one.similarities[0] == many.similarities[place]).all()


def test_small_segments_change_nothing(gallery, items, data, monkeypatch):
    monkeypatch.setattr('msvitreid.gallery.vectors._SEGMENT_BYTES', 1)
    with EmbeddedGallery.open(gallery.path, readonly=True) as reader:
        compare(reader.search(data[1][:9], 8), items, data[1][:9], 8)


def test_threshold_gives_all_and_k_caps_them(gallery, items):
    queries = unit(5, D, seed=3)
    compare(gallery.search(queries, threshold=0.2), items, queries, None, threshold=0.2)
    compare(gallery.search(queries, 3, threshold=0.2), items, queries, 3, threshold=0.2)
    assert gallery.search(queries, threshold=1.5).ids == [[]] * 5


@pytest.mark.parametrize(
    ('where', 'fits'),
    [
        ({'pid': 2}, lambda m: m['pid'] == 2),
        ({'pid': 2.0}, lambda m: m['pid'] == 2),
        ({'pid': [1, 3], 'camera': 'c1'}, lambda m: m['pid'] in (1, 3) and m['camera'] == 'c1'),
        ({'time': {'<': 20, '>=': 3.25}}, lambda m: 3.25 <= m['time'] < 20),
        ({'camera': {'>': 'c0'}}, lambda m: m['camera'] > 'c0'),
        ({'camera': {'>': 0}}, lambda m: False),
        ({'pid': '2'}, lambda m: False),
        ({'pid': True}, lambda m: False),
        ({'pid': []}, lambda m: False),
        ({'missing': None}, lambda m: True),
        ({'time': [0, 'x', None, True]}, lambda m: m['time'] == 0),
    ],
)
def test_where(gallery, items, where, fits):
    queries = unit(4, D, seed=4)
    results = gallery.search(queries, 6, where=where)
    compare(results, items, queries, 6, lambda item, _: fits(item.metadata))
    assert gallery.count(where) == sum(fits(item.metadata) for item in items)


@pytest.mark.parametrize(
    ('where', 'found'),
    [
        ({'pid': 1}, {'one', 'real'}),
        ({'pid': True}, {'true'}),
        ({'pid': False}, {'false'}),
        ({'pid': [0, False]}, {'zero', 'false'}),
        ({'pid': None}, {'null', 'missing'}),
        ({'pid': '["a"]'}, {'text'}),
        ({'pid': {'>=': 1}}, {'one', 'real'}),
        ({'pid': {'>=': '['}}, {'text', 'word'}),
    ],
)
@pytest.mark.parametrize('column', ['pid', 'color'])
def test_kinds_of_values_in_columns_with_and_without_an_index(tmp_path, column, where, found):
    """Class of faults: SQLite has one value for ``true`` and 1, and for a list and its text."""
    values = {'one': 1, 'real': 1.0, 'true': True, 'zero': 0, 'false': False, 'null': None}
    values |= {'text': '["a"]', 'list': ['a'], 'dict': {'a': 1}, 'word': 'b'}
    rows = [{column: value} for value in values.values()] + [{}]
    with create_gallery(tmp_path / 'g', D, MODEL) as gallery:
        gallery.add([*values, 'missing'], unit(len(rows), D), rows)
        where = {column: where['pid']}
        (ids,) = gallery.search(unit(1, D), 20, where=where).ids
        assert set(ids) == found
        assert gallery.count(where) == len(found)
        if not isinstance(where[column], (list, dict)) and where[column] is not None:
            (others,) = gallery.search(unit(1, D), 20, exclude={column: [where[column]]}).ids
            assert set(others) == {*values, 'missing'} - found


@pytest.mark.parametrize('column', ['pid', 'camera', 'time'])
@pytest.mark.parametrize('value', [7, 'c7', [7, 'c7'], None, [None, 7], {'<': 7}, {'>=': 'c7'}])
def test_conditions_are_answered_by_an_index(gallery, column, value):
    """Class of faults: the JSON of every row is parsed, 0.9 s for one camera of 1,000,000."""
    executed = []
    database = gallery._session.database
    database.set_trace_callback(executed.append)
    gallery.search(unit(1, D), 1, where={column: value})
    database.set_trace_callback(None)
    (query,) = [text for text in executed if text.startswith('SELECT slot FROM items WHERE')]
    plan = ' '.join(row[3] for row in database.execute(f'EXPLAIN QUERY PLAN {query}'))
    assert f'USING INDEX items_{column}' in plan
    assert 'SCAN items' not in plan


def count_conditions(gallery, **options):
    """How often rows are looked up by a condition."""
    executed = []
    gallery._session.database.set_trace_callback(executed.append)
    gallery.search(unit(4, D), 1, **options)
    gallery._session.database.set_trace_callback(None)
    return sum(text.startswith('SELECT slot FROM items WHERE') for text in executed)


def test_a_repeated_condition_is_looked_up_once(gallery, data):
    """Class of faults: each search parses the JSON of every item, 1.2 s of 1,000,000."""
    wanted = [{'score': {'<': number}} for number in range(9)]
    assert [count_conditions(gallery, where=one) for one in wanted] == [1] * 9
    # The last eight are remembered, until something is committed.
    assert [count_conditions(gallery, where=one) for one in wanted[1:]] == [0] * 8
    assert count_conditions(gallery, where=wanted[0]) == 1
    gallery.remove(data[0][:1])
    assert count_conditions(gallery, where=wanted[0]) == 1
    assert count_conditions(gallery, where={'flag': 1}) == 1
    assert count_conditions(gallery, where={'flag': True}) == 1
    assert count_conditions(gallery, exclude={'flag': [1, True, 1, None]}) == 2


def test_where_by_id_and_hash_and_scan(gallery, data):
    assert gallery.count({'id': data[0][:3]}) == 3
    assert gallery.count({'hash': 'h4'}) == 2
    found = [item.id for part in gallery.scan({'pid': 1}, batch_size=7) for item in part]
    assert found == [id_ for id_, row in zip(data[0], data[2], strict=True) if row['pid'] == 1]


def test_exclusions_of_each_query(gallery, items, data):
    queries = data[1][:4]
    exclude = {'id': data[0][:4], 'hash': [None, 'h9', None, 'h1'], 'camera': ['c0', None] * 2}
    results = gallery.search(queries, 8, exclude=exclude, where={'pid': [0, 1, 2]})

    def fits(item, query):
        return item.metadata['pid'] < 3 and not (
            item.id == exclude['id'][query]
            or item.hash == exclude['hash'][query]
            or item.metadata['camera'] == exclude['camera'][query]
        )

    compare(results, items, queries, 8, fits)


def test_several_values_are_excluded_as_each_of_them(gallery, items, data):
    queries, hidden = data[1][:2], [data[0][:5], [data[0][7]]]
    results = gallery.search(queries, 8, exclude={'id': hidden, 'camera': [(), ['c0', 'c1']]})

    def fits(item, query):
        others = ((), ('c0', 'c1'))[query]
        return item.id not in hidden[query] and item.metadata['camera'] not in others

    compare(results, items, queries, 8, fits)
    with pytest.raises(GalleryError, match='id'):
        gallery.search(queries, exclude={'id': [['a', {}], None]})


def test_the_revision_is_another_one_after_each_change(gallery, data):
    seen = [gallery.revision()]
    gallery.update([data[0][0]], metadata=[{'pid': 99}])
    seen.append(gallery.revision())
    gallery.remove([data[0][0]])
    seen.append(gallery.revision())
    assert len(set(seen)) == 3
    assert gallery.revision() == seen[-1]


@pytest.mark.parametrize('precision', ['float16', 'int8'])
def test_smaller_precisions_state_their_loss(tmp_path, data, precision):
    with create_gallery(tmp_path / 'g', D, MODEL, precision) as gallery:
        assert 'loss not measured' in gallery.search(unit(1, D)).exactness
        gallery.add(*data)
        stored = list(gallery.get(data[0]).values())
        stored.sort(key=lambda item: item.id)
        vectors = np.stack([item.embedding for item in stored])
        atol = {'float16': 5e-4, 'int8': 8e-3}[precision]
        np.testing.assert_allclose(vectors, data[1], atol=atol)
        results = gallery.search(data[1][:30], 5)
        compare(results, stored, data[1][:30], 5)
        assert precision in results.exactness
        recall = float(results.exactness.split('recall@10 ')[1].split(' ')[0])
        assert 0.9 < recall <= 1
        assert gallery.verify().problems == []


def test_update_remove_and_compact(gallery, items, data):
    gallery.remove(data[0][10:200])
    moved = unit(5, D, seed=9)
    gallery.update(data[0][:5], moved, hashes=['new'] * 5)
    gallery.update([data[0][7]], metadata=[{'pid': 99}])
    left = [*items[5:10], *items[200:]]
    left[2] = Item(left[2].id, {'pid': 99}, left[2].hash, left[2].embedding)
    left += [
        Item(item.id, item.metadata, 'new', vector)
        for item, vector in zip(items, moved, strict=False)
    ]
    queries = np.concatenate([moved, data[1][198:206]])
    size = sum(file.stat().st_size for file in gallery.path.glob('vectors-*'))
    for _ in range(2):
        compare(gallery.search(queries, 7), left, queries, 7)
        assert len(gallery) == len(left) == 110
        assert gallery.get([data[0][2]])[data[0][2]].hash == 'new'
        assert gallery.count({'pid': 99}) == 1
        assert gallery.verify().problems == []
        gallery.compact()
    compacted = sum(file.stat().st_size for file in gallery.path.glob('vectors-*'))
    assert (size, compacted) == (305 * D * 4, 110 * D * 4)


def test_new_embedding_without_hash_clears_the_hash(gallery, data):
    gallery.update(data[0][:1], unit(1, D, seed=5))
    assert gallery.get(data[0][:1])[data[0][0]].hash is None


def test_groups_by_best_and_by_mean(gallery, items, data):
    queries = unit(3, D, seed=6)
    exclude = {'camera': ['c0', None, 'c2']}
    for reduce in ('best', 'mean'):
        results = gallery.search(queries, 3, group_by='pid', reduce=reduce, exclude=exclude)
        for place, query in enumerate(queries):
            groups = {}
            for item in items:
                if item.metadata['camera'] != exclude['camera'][place]:
                    value = float(item.embedding @ query)
                    groups.setdefault(item.metadata['pid'], []).append(value)
            scores = {
                pid: max(values) if reduce == 'best' else np.mean(values)
                for pid, values in groups.items()
            }
            best = sorted(scores, key=scores.get, reverse=True)[:3]
            assert [row['pid'] for row in results.metadata[place]] == best
            np.testing.assert_allclose(
                results.similarities[place], [scores[pid] for pid in best], atol=1e-6
            )


def test_items_without_the_column_are_groups_of_their_own(tmp_path):
    with create_gallery(tmp_path / 'g', 2, MODEL) as gallery:
        gallery.add(['a', 'b', 'c', 'd'], [[1.0, 0]] * 4, [{'pid': 1}, {'pid': True}, {}, {}])
        for reduce in ('best', 'mean'):
            found = gallery.search(np.eye(2)[:1], group_by='pid', reduce=reduce)
            assert sorted(found.ids[0]) == ['a', 'b', 'c', 'd']


def test_expansion_and_reranking_of_the_first_hits(gallery, items):
    from msvitreid.evaluation.functional import k_reciprocal_rerank

    queries = unit(3, D, seed=7)
    first = gallery.search(queries, 30)
    by_id = {item.id: item.embedding for item in items}
    near = [np.stack([by_id[id_] for id_ in row]) for row in first.ids]
    results = gallery.search(queries, 5, rerank={'first': 30, 'k1': 8, 'k2': 3})
    for place in range(3):
        distances = k_reciprocal_rerank(queries[place : place + 1], near[place], 8, 3)[0]
        order = np.argsort(distances, kind='stable')[:5]
        assert results.ids[place] == [first.ids[place][one] for one in order]
    means = queries + np.stack([rows[:4].sum(axis=0) for rows in near])
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    expanded = gallery.search(queries, 5, expand={'k': 4, 'alpha': 0})
    assert expanded.ids == gallery.search(means, 5).ids


def test_empty_galleries_and_no_queries(tmp_path):
    with create_gallery(tmp_path / 'g', D, MODEL) as gallery:
        gallery.add([], np.zeros((0, D)))
        found = gallery.search(unit(2, D))
        assert (found.ids, gallery.count(), gallery.verify().problems) == ([[], []], 0, [])
        assert gallery.search(np.zeros((0, D))).ids == []
        assert gallery.search(unit(1, D), expand=3, rerank=5).ids == [[]]
        assert gallery.search(unit(1, D), group_by='pid', reduce='mean').ids == [[]]


@pytest.mark.parametrize(
    ('arguments', 'match'),
    [
        ((['a', 'a'], unit(2, D)), "'a' is given twice"),
        (('ab', unit(2, D)), 'ids must be a list'),
        (([''], unit(1, D)), r'ids\[0\]'),
        ((['a\0'], unit(1, D)), r'ids\[0\]'),
        ((['a', '\ud800'], unit(2, D)), r'ids\[1\]'),
        (([3], unit(1, D)), r'ids\[0\]'),
        ((['a'], unit(2, D)), r'shape \(1, 24\)'),
        ((['a'], unit(1, 3)), r'shape \(1, 24\)'),
        ((['a'], [[1, 0] * 12]), 'floats'),
        ((['a', 'b'], np.stack([unit(1, D)[0], np.zeros(D)])), r'embeddings\[1\] is zero'),
        ((['a'], np.full((1, D), np.nan)), r'embeddings\[0\] holds NaN'),
        ((['a'], unit(1, D) * 2), 'unit length'),
        ((['a'], unit(1, D), {'pid': 1}), 'metadata must be a list'),
        ((['a'], unit(1, D), [{'id': 1}]), "'id'"),
        ((['a'], unit(1, D), [{'a.b': 1}]), "'a.b'"),
        ((['a'], unit(1, D), [{'pid': float('nan')}]), 'JSON'),
        ((['a'], unit(1, D), [{'pid': object()}]), 'JSON'),
        ((['a'], unit(1, D), None, ['']), 'hash'),
        ((['a'], unit(1, D), None, 'h'), 'hashes'),
        ((['image-00001.jpg', 'a'], unit(2, D)), 'image-00001.jpg'),
    ],
)
def test_wrong_items_are_refused_and_nothing_is_added(gallery, arguments, match):
    with pytest.raises(GalleryError, match=match):
        gallery.add(*arguments)
    assert gallery.count() == 300
    assert gallery.count({'id': 'a'}) == 0


@pytest.mark.parametrize(
    ('options', 'match'),
    [
        ({'k': 0}, 'k is'),
        ({'k': True}, 'k is'),
        ({'threshold': np.nan}, 'threshold'),
        ({'fingerprint': 'other'}, 'fingerprint'),
        ({'where': {"pid') OR 1 --": 1}}, 'pid'),
        ({'where': {'pid': {'like': 1}}}, 'like'),
        ({'where': {'pid': {'<': None}}}, 'None'),
        ({'where': {'pid': 2**70}}, 'pid'),
        ({'where': 'pid'}, 'where'),
        ({'exclude': {'camera': 'c1'}}, 'camera'),
        ({'exclude': {'camera': ['c1', 'c2']}}, 'camera'),
        ({'reduce': 'median'}, 'reduce'),
        ({'group_by': 'p-d'}, 'p-d'),
        ({'group_by': 'pid', 'rerank': 5}, 'group_by'),
        ({'rerank': {'k1': 3}}, 'first'),
        ({'rerank': {'first': 5, 'k1': 0}}, 'k1'),
        ({'expand': {'k': 2, 'beta': 1}}, 'beta'),
        ({'recall': 0.9}, 'no index'),
    ],
)
def test_wrong_searches_are_refused(gallery, options, match):
    with pytest.raises(GalleryError, match=match):
        gallery.search(unit(1, D), **options)


def test_embeddings_of_another_model_are_refused(gallery):
    class Embeddings(np.ndarray):
        fingerprint = 'another'

    with pytest.raises(GalleryError, match='another'):
        gallery.search(unit(1, D).view(Embeddings))
    with pytest.raises(GalleryError, match='another'):
        gallery.add(['a'], unit(1, D).view(Embeddings))
    with pytest.raises(GalleryError, match='another'):
        open_gallery(gallery.path, readonly=True, fingerprint='another')


def test_normalize(gallery):
    gallery.add(['a'], 3 * unit(1, D, seed=8), normalize=True)
    assert gallery.search(5 * unit(1, D, seed=8), 1, normalize=True).ids == [['a']]
    assert gallery.search(unit(1, D, seed=8), 1).similarities[0] == pytest.approx(1, abs=1e-6)


def test_unknown_ids(gallery):
    assert gallery.get(['nobody']) == {}
    for change in (gallery.remove, lambda ids: gallery.update(ids, metadata=[{}] * len(ids))):
        with pytest.raises(GalleryError, match='nobody'):
            change(['image-00000.jpg', 'nobody'])
    assert gallery.count() == 300


def test_closed_and_readonly_galleries(gallery, tmp_path):
    with open_gallery(gallery.path, readonly=True) as reader:
        assert reader.count() == 300
        for change in (reader.compact, lambda: reader.remove(['image-00000.jpg'])):
            with pytest.raises(GalleryError, match='read-only'):
                change()
    with pytest.raises(GalleryError, match='closed'):
        reader.count()
    reader.close()


def test_copy_is_continued_by_hash(gallery, tmp_path, data):
    with create_gallery(tmp_path / 'copy', D, MODEL) as copy:
        first = gallery.copy_to(copy, batch_size=64)
        assert (first.added, first.updated, first.skipped) == (300, 0, 0)
        copy.remove(data[0][50:60])
        copy.update(data[0][:3], hashes=['old'] * 3)
        again = gallery.copy_to(copy, batch_size=64)
        assert (again.added, again.updated, again.skipped) == (10, 3, 287)
        for id_, item in gallery.get(data[0]).items():
            other = copy.get([id_])[id_]
            assert (other.metadata, other.hash) == (item.metadata, item.hash)
            assert (other.embedding == item.embedding).all()
    with (
        create_gallery(tmp_path / 'other', D, 'another') as other,
        pytest.raises(GalleryError, match='fingerprint'),
    ):
        gallery.copy_to(other)


@pytest.mark.parametrize(
    ('arguments', 'match'),
    [
        ((0, MODEL), 'dimension'),
        ((2**30, MODEL), 'dimension'),
        ((True, MODEL), 'dimension'),
        ((8, ''), 'fingerprint'),
        ((8, MODEL, 'float64'), 'precision'),
    ],
)
def test_wrong_headers_create_nothing(tmp_path, arguments, match):
    with pytest.raises(GalleryError, match=match):
        create_gallery(tmp_path / 'g', *arguments)
    assert list(tmp_path.iterdir()) == []


def test_no_gallery_among_other_files(tmp_path):
    (tmp_path / 'image.jpg').write_bytes(b'x')
    with pytest.raises(GalleryError, match='exists already'):
        create_gallery(tmp_path, D, MODEL)
    with pytest.raises(GalleryError, match='no file gallery'):
        open_gallery(tmp_path)
    with pytest.raises(GalleryError, match='missing'):
        open_gallery(tmp_path / 'missing')
    with pytest.raises(GalleryError, match='qdran'):
        open_gallery('qdran://host/collection')
    assert [file.name for file in tmp_path.iterdir()] == ['image.jpg']


def test_threads_share_a_gallery(gallery, data):
    def search(_):
        return len(gallery.search(data[1][:3], 1000).ids[0])

    with ThreadPoolExecutor(4) as pool:
        found = pool.map(search, range(40))
        for number in range(10):
            gallery.add([f'{number}-{one}' for one in range(5)], unit(5, D, seed=number))
            gallery.remove([f'{number}-{one}' for one in range(5)])
    assert set(found) <= {300, 305}
