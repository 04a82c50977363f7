from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from msvitreid.evaluation.functional import rank_metrics, rank_metrics_from_similarity
from tests.plain import ranking as plain

from . import oracle

GOLDEN = Path(__file__).parents[2] / 'golden' / 'ranking.npz'


@pytest.fixture(scope='module')
def golden():
    with np.load(GOLDEN) as file:
        return dict(file)


def golden_inputs(golden):
    names = ('features', 'pids', 'camids')
    return [golden[f'{split}_{name}'] for name in names for split in ('query', 'gallery')]


def assert_same(actual, expected):
    assert actual.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(actual[name], value, atol=1e-12, err_msg=name)


def test_golden_values(golden):
    metrics = rank_metrics(*golden_inputs(golden), per_query=True)
    assert metrics['mAP'] == pytest.approx(float(golden['map_trapezoid']), abs=1e-6)
    assert metrics['mINP'] == pytest.approx(float(golden['minp']), abs=1e-6)
    ranks = [metrics[f'rank-{k}'] for k in (1, 5, 10)]
    np.testing.assert_allclose(ranks, golden['rank_1_5_10'], atol=1e-6)
    np.testing.assert_allclose(metrics['AP'], golden['ap_trapezoid'], atol=1e-6)
    assert (metrics['num_queries'], metrics['num_unmatched']) == (120, 0)


def test_golden_plain_map(golden):
    metrics = rank_metrics(*golden_inputs(golden), ap='plain')
    assert metrics['mAP'] == pytest.approx(float(golden['map_plain']), abs=1e-6)


def test_hand_computed_example():
    # Ranking by similarity: wrong, right, wrong, right; the last is the query's camera.
    similarity = np.array([[0.9, 0.8, 0.7, 0.6, 1.0]])
    args = ([1], [2, 1, 3, 1, 1], [0], [0, 1, 0, 2, 0])
    plain = rank_metrics_from_similarity(similarity, *args, ap='plain')
    assert plain['mAP'] == pytest.approx((1 / 2 + 2 / 4) / 2)
    assert plain['mINP'] == pytest.approx(2 / 4)
    assert (plain['rank-1'], plain['rank-5']) == (0.0, 1.0)
    trapezoid = rank_metrics_from_similarity(similarity, *args, ap='trapezoid')
    assert trapezoid['mAP'] == pytest.approx(((0 + 1 / 2) / 2 + (1 / 3 + 2 / 4) / 2) / 2)


def test_of_equals_the_lower_gallery_index_ranks_first():
    similarity = np.ones((1, 4))
    first = rank_metrics_from_similarity(similarity, [1], [1, 0, 0, 0])
    last = rank_metrics_from_similarity(similarity, [1], [0, 0, 0, 1])
    assert (first['rank-1'], first['mINP']) == (1.0, 1.0)
    assert (last['rank-1'], last['mINP']) == (0.0, 0.25)


def random_case(seed, num_queries=23, num_gallery=61):
    """Integer features tie often; pids hold distractors, junk and unmatched queries."""
    rng = np.random.default_rng(seed)
    query = rng.integers(-1, 2, (num_queries, 3)).astype(np.float32)
    gallery = rng.integers(-1, 2, (num_gallery, 3)).astype(np.float32)
    query_pids = rng.integers(1, 14, num_queries)
    gallery_pids = rng.integers(-1, 10, num_gallery)
    query_camids = rng.integers(-1, 3, num_queries)
    gallery_camids = rng.integers(-1, 3, num_gallery)
    return query, gallery, query_pids, gallery_pids, query_camids, gallery_camids


@pytest.mark.parametrize('ap', ['trapezoid', 'plain'])
@pytest.mark.parametrize('seed', range(4))
def test_agrees_with_plain_python(seed, ap):
    query, gallery, *labels = random_case(seed)
    topk = (1, 3, 100)
    expected = oracle.rank_metrics(query @ gallery.T, *labels, ap, topk)
    assert 0 < expected['num_unmatched'] < 23
    for chunk in (1, 7, 23, 1000):
        actual = rank_metrics(
            query, gallery, *labels, ap=ap, topk=topk, query_chunk=chunk, per_query=True
        )
        assert_same(actual, expected)


@pytest.mark.parametrize('dtype', [np.float32, np.float64])
@pytest.mark.parametrize('seed', range(3))
def test_agrees_with_the_plain_implementation(seed, dtype):
    query, gallery, *labels = random_case(seed, 60, 400)
    expected = plain.rank_metrics(query, gallery, *labels)
    for ap in ('trapezoid', 'plain'):
        actual = rank_metrics(query.astype(dtype), gallery.astype(dtype), *labels, ap=ap)
        assert actual['mAP'] == pytest.approx(expected[f'mAP-{ap}'], abs=1e-12)
    for name in ('mINP', 'rank-1', 'rank-5', 'rank-10'):
        assert actual[name] == pytest.approx(expected[name], abs=1e-12)


@pytest.mark.parametrize('threads', [1, 3])
def test_any_number_of_threads_sorts_any_number_of_rows(threads):
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        for num_queries in (1, 2, 7):
            similarity = torch.rand(num_queries, 50)
            labels = ([1] * num_queries, [1] + [0] * 49)
            actual = rank_metrics_from_similarity(
                similarity, *labels, per_query=True, ap='plain'
            )
            above = (similarity > similarity[:, :1]).sum(dim=1)
            np.testing.assert_allclose(actual['AP'], 1 / (1 + above))
    finally:
        torch.set_num_threads(before)


def test_without_cameras_nothing_is_left_out():
    query, gallery, query_pids, gallery_pids, *_ = random_case(5)
    unknown = np.full(len(query_pids), -1), np.full(len(gallery_pids), -1)
    pids = (query_pids, gallery_pids)
    expected = oracle.rank_metrics(query @ gallery.T, *pids, *unknown, 'plain', (1, 5, 10))
    assert_same(rank_metrics(query, gallery, *pids, ap='plain', per_query=True), expected)
    actual = rank_metrics(query, gallery, *pids, *unknown, ap='plain', per_query=True)
    assert_same(actual, expected)


def test_a_query_of_pid_minus_one_matches_no_junk():
    metrics = rank_metrics_from_similarity(np.ones((1, 2)), [-1], [-1, 3])
    assert metrics['num_unmatched'] == 1
    assert np.isnan(metrics['mAP'])


def test_one_query_and_tensors_and_lists():
    query, gallery, *labels = random_case(6, num_queries=1, num_gallery=9)
    labels[0] = np.array([labels[1].max()])
    expected = rank_metrics(query, gallery, *labels)
    tensors = [torch.from_numpy(np.asarray(value)) for value in (query, gallery, *labels)]
    assert rank_metrics(*tensors) == expected
    assert rank_metrics(query, gallery, *(label.tolist() for label in labels)) == expected


def test_an_empty_gallery_matches_nothing():
    metrics = rank_metrics(np.ones((2, 3)), np.empty((0, 3)), [1, 2], [])
    assert metrics['num_unmatched'] == 2


def test_similarity_is_not_modified():
    similarity = torch.rand(4, 6)
    before = similarity.clone()
    rank_metrics_from_similarity(similarity, [1] * 4, [1] * 5 + [-1], [1] * 4, [1] * 6)
    assert torch.equal(similarity, before)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_ties_agree_with_plain_python(data):
    num_queries = data.draw(st.integers(1, 4))
    num_gallery = data.draw(st.integers(1, 12))

    def integers(low, high, size):
        return np.array(
            data.draw(st.lists(st.integers(low, high), min_size=size, max_size=size))
        )

    similarity = integers(0, 3, num_queries * num_gallery).reshape(num_queries, num_gallery)
    labels = (
        integers(0, 2, num_queries),
        integers(-1, 2, num_gallery),
        integers(-1, 1, num_queries),
        integers(-1, 1, num_gallery),
    )
    expected = oracle.rank_metrics(similarity, *labels, 'trapezoid', (1, 2))
    actual = rank_metrics_from_similarity(
        similarity, *labels, topk=(1, 2), query_chunk=3, per_query=True
    )
    assert_same(actual, expected)


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'ap': 'voc'}, "ap must be 'trapezoid' or 'plain', got 'voc'"),
        ({'query_chunk': 0}, 'query_chunk must be a whole number, at least 1'),
        ({'query_pids': [1, 2, 3], 'query_camids': [0, 0, 0]}, '3 query_pids'),
        ({'gallery_camids': None}, 'both be given or neither'),
        ({'query_camids': [0]}, r'query_camids must have shape \(2,\)'),
        ({'gallery_features': np.ones((4, 5))}, '3 columns but gallery_features 5'),
        ({'query_features': np.ones(2)}, r'shape \(N, D\)'),
        ({'query_features': np.array([[1, 2, 3], [1, np.nan, 3]])}, 'query_features holds NaN'),
        ({'query_features': np.full((2, 3), np.inf)}, 'query_features holds NaN or infinite'),
    ],
)
def test_bad_input_is_an_error_that_says_so(change, message):
    good = {
        'query_features': np.ones((2, 3)),
        'gallery_features': np.ones((4, 3)),
        'query_pids': [0, 1],
        'gallery_pids': [0, 1, 0, 1],
        'query_camids': [0, 0],
        'gallery_camids': [1, 1, 1, 1],
    }
    with pytest.raises(ValueError, match=message):
        rank_metrics(**{**good, **change})


def test_similarity_must_be_finite():
    with pytest.raises(ValueError, match='similarities of the queries 0 to 0'):
        rank_metrics_from_similarity(np.array([[np.nan, 1.0]]), [0], [0, 0])
