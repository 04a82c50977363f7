from __future__ import annotations

import numpy as np
import pytest

from msvitreid.evaluation.functional import expand_queries, rank_metrics


def unit(features):
    return features / np.linalg.norm(features, axis=-1, keepdims=True)


def case(seed=0, queries=9, gallery=40):
    rng = np.random.default_rng(seed)
    return unit(rng.normal(size=(queries, 6))), unit(rng.normal(size=(gallery, 6)))


def by_hand(query, gallery, k, alpha, self_index=None):
    """One query and one neighbor at a time, in float64."""
    expanded = []
    for row, feature in enumerate(query):
        similarity = gallery @ feature
        order = np.argsort(-similarity, kind='stable').tolist()
        if self_index is not None and self_index[row] >= 0:
            order.remove(self_index[row])
        total = feature.copy()
        for image in order[:k]:
            total += max(similarity[image], 0) ** alpha * gallery[image]
        expanded.append(unit(total))
    return np.stack(expanded)


@pytest.mark.parametrize(('k', 'alpha'), [(1, 3.0), (5, 3.0), (10, 0), (3, 0.5), (40, 0)])
@pytest.mark.parametrize('chunk', [1, 4, 100])
def test_agrees_with_plain_python(k, alpha, chunk):
    query, gallery = case()
    actual = expand_queries(query, gallery, k, alpha, query_chunk=chunk)
    assert actual.dtype == np.float32
    np.testing.assert_allclose(actual, by_hand(query, gallery, k, alpha), atol=1e-5)


def test_plain_average_of_a_known_case():
    """Of the query (1, 0) and its neighbor (0, 1), one unit vector between them."""
    expanded = expand_queries([[1.0, 0.0]], [[0.0, 1.0], [-1.0, 0.0]], k=1, alpha=0)
    np.testing.assert_allclose(expanded, [[0.5**0.5, 0.5**0.5]], atol=1e-6)


@pytest.mark.parametrize('alpha', [0, 3.0])
def test_the_image_itself_is_not_its_neighbor(alpha):
    gallery = case(2)[1]
    self_index = [3, -1, 17]
    query = np.stack([gallery[3], case(3)[0][0], gallery[17]])
    actual = expand_queries(query, gallery, 4, alpha, self_index)
    expected = by_hand(query, gallery, 4, alpha, self_index)
    np.testing.assert_allclose(actual, expected, atol=1e-5)
    whole = expand_queries(query, gallery, 100, alpha, self_index)
    np.testing.assert_allclose(
        whole, by_hand(query, gallery, 100, alpha, self_index), atol=1e-5
    )


def test_ranges_of_queries_come_together_to_all():
    query, gallery = case(4)
    whole = expand_queries(query, gallery, 3, 2.0, query_chunk=3)
    parts = [
        expand_queries(query, gallery, 3, 2.0, start=start, stop=stop, query_chunk=3)
        for start, stop in ((0, 3), (3, 3), (3, None))
    ]
    np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_it_helps_where_a_neighbor_is_nearer_to_the_match():
    """A match at 80 degrees from the query, with another half-way; a stranger at -70 degrees."""
    degrees = np.radians([40, 80, -70])
    gallery = np.stack([np.cos(degrees), np.sin(degrees)], axis=1)
    query, labels = np.array([[1.0, 0.0]]), ([1], [1, 1, 0])
    assert rank_metrics(query, gallery, *labels)['mINP'] == pytest.approx(2 / 3)
    assert rank_metrics(expand_queries(query, gallery, k=1), gallery, *labels)['mINP'] == 1.0


def test_an_empty_gallery_changes_nothing():
    query = case()[0]
    np.testing.assert_allclose(expand_queries(query, np.empty((0, 6))), query, atol=1e-6)


@pytest.mark.parametrize(
    'options',
    [{'k': 0}, {'k': 1.5}, {'k': True}, {'alpha': -1}, {'alpha': '3'}, {'alpha': True},
     {'alpha': float('nan')}, {'alpha': float('inf')}, {'query_chunk': 0},
     {'self_index': [0]}],
)  # fmt: skip
def test_parameters_out_of_range(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        expand_queries(*case(), **options)


def test_similarities_that_overflow():
    with pytest.raises(ValueError, match='NaN or infinite'):
        expand_queries(np.full((2, 2), 1e30), np.full((2, 2), 1e30))
    with pytest.raises(ValueError, match='NaN or infinite'):
        expand_queries(np.full((2, 2), 1e15), np.full((2, 2), 1e15))
