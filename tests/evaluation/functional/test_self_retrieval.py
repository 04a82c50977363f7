"""Queries that are in the gallery: the image itself is left out by its index everywhere."""

from __future__ import annotations

import numpy as np
import pytest

from msvitreid.evaluation.functional import (
    k_reciprocal_rerank,
    rank_metrics,
    rank_metrics_from_similarity,
    rank_streamed_matches,
    recall_at_k,
    top_matches,
)

from . import oracle
from .test_features_to_map import assert_same, random_case
from .test_reranking import clustered, dense_rerank
from .test_streamed_matches import Rows


def without_itself(query, gallery, labels, self_index, ap, topk):
    """The oracle's figures, the image itself taken out of each query's gallery."""
    query_pids, gallery_pids, query_camids, gallery_camids = labels
    parts = []
    for row, itself in enumerate(self_index):
        kept = np.flatnonzero(np.arange(len(gallery)) != itself)
        parts.append(
            oracle.rank_metrics(
                query[row : row + 1] @ gallery[kept].T,
                query_pids[row : row + 1],
                gallery_pids[kept],
                query_camids[row : row + 1],
                gallery_camids[kept],
                ap,
                topk,
            )
        )
    matched = [part for part in parts if not part['num_unmatched']]
    names = ['mAP', 'mINP', *(f'rank-{k}' for k in topk)]
    return {
        **{name: np.mean([part[name] for part in matched]) for name in names},
        'num_queries': len(parts),
        'num_unmatched': len(parts) - len(matched),
        'AP': np.concatenate([part['AP'] for part in parts]),
    }


def case(seed):
    """Ties, junk, distractors; some queries are gallery images of their own labels."""
    query, gallery, *labels = random_case(seed)
    rng = np.random.default_rng(seed)
    self_index = rng.permutation(len(gallery))[: len(query)]
    self_index[::3] = -1
    own = self_index >= 0
    for of_query, of_gallery in ((query, gallery), labels[:2], labels[2:]):
        of_query[own] = of_gallery[self_index[own]]
    return query, gallery, labels, self_index


@pytest.mark.parametrize('seed', range(4))
def test_agrees_with_plain_python(seed):
    query, gallery, labels, self_index = case(seed)
    expected = without_itself(query, gallery, labels, self_index, 'plain', (1, 3))
    options = {'ap': 'plain', 'topk': (1, 3), 'per_query': True, 'self_index': self_index}
    for chunk in (1, 7, 100):
        assert_same(
            rank_metrics(query, gallery, *labels, query_chunk=chunk, **options), expected
        )
        rows = Rows(gallery)
        assert_same(rank_metrics(query, rows, *labels, query_chunk=chunk, **options), expected)
    assert_same(rank_metrics_from_similarity(query @ gallery.T, *labels, **options), expected)
    streamed = rank_streamed_matches(query, Rows(gallery), *labels, 7, 10, self_index)
    whole = rank_streamed_matches(query, Rows(gallery), *labels, self_index=self_index)
    np.testing.assert_array_equal(streamed.ranks, whole.ranks)


def test_the_first_of_the_ranking_is_not_taken_for_the_image_itself():
    """Image 1 is an exact copy of image 0 and ranks before image 1 itself."""
    features, pids = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]), [5, 6, 6]
    metrics = rank_metrics(features, features, pids, pids, topk=(1,), self_index=range(3))
    assert metrics['num_unmatched'] == 1
    assert metrics['rank-1'] == 0.0
    assert top_matches(features, features, 3, pids, pids, self_index=[0, 1, 2]).tolist() == [
        [1, 2, -1],
        [0, 2, -1],
        [0, 1, -1],
    ]


def test_it_is_what_recall_at_k_does():
    rng = np.random.default_rng(0)
    features, pids = rng.normal(size=(40, 6)), rng.permutation(40) % 8
    metrics = rank_metrics(features, features, pids, pids, topk=(1, 4), self_index=range(40))
    assert metrics['num_unmatched'] == 0
    recall = recall_at_k(features, pids, (1, 4))
    assert [metrics['rank-1'], metrics['rank-4']] == list(recall.values())
    order = rng.permutation(40)
    shuffled = recall_at_k(
        features, pids, (1, 4), features[order], pids[order], self_index=np.argsort(order)
    )
    assert shuffled == recall


def test_re_ranking_has_each_image_once():
    """A query and its own image in the gallery would be each other's nearest neighbors."""
    _, features = clustered(3, num_gallery=40)
    others, _ = clustered(3, num_query=4, num_gallery=40)
    query = np.concatenate([features[[7, 0, 21]], others])
    self_index = [7, 0, 21, -1, -1, -1, -1]
    everything = np.concatenate([others, features])
    expected = dense_rerank(everything, everything, 5, 3, 0.3, itself=True)
    places = [4 + 7, 4 + 0, 4 + 21, 0, 1, 2, 3]
    actual = k_reciprocal_rerank(query, features, 5, 3, 0.3, self_index=self_index)
    np.testing.assert_allclose(actual, expected[places][:, 4:], atol=1e-5)


def test_re_ranking_a_set_with_itself_alone():
    features = clustered(4, num_gallery=30)[1]
    expected = dense_rerank(features, features, 6, 1, 0.2, itself=True)
    actual = k_reciprocal_rerank(features, features, 6, 1, 0.2, self_index=range(30))
    np.testing.assert_allclose(actual, expected, atol=1e-5)


@pytest.mark.parametrize(
    ('self_index', 'message'),
    [
        ([0, 4], 'self_index must be from 0 to 3, or -1 for none, got 4'),
        ([0, -2], 'got -2'),
        ([0], r'self_index must have shape \(2,\)'),
        ([0.5, 1], 'whole numbers'),
        (['0', '1'], 'self_index must be an array of real numbers'),
    ],
)
def test_an_index_that_is_none_of_the_gallery(self_index, message):
    query, gallery, pids = np.ones((2, 3)), np.ones((4, 3)), ([0, 1], [0, 1, 0, 1])
    for call in (
        lambda: rank_metrics(query, gallery, *pids, self_index=self_index),
        lambda: rank_metrics(query, Rows(gallery), *pids, self_index=self_index),
        lambda: top_matches(query, gallery, 2, *pids, self_index=self_index),
        lambda: k_reciprocal_rerank(query, gallery, self_index=self_index),
    ):
        with pytest.raises(ValueError, match=message):
            call()


def test_a_set_that_searches_itself_needs_no_index():
    with pytest.raises(ValueError, match=r'self_index .*gallery_features'):
        recall_at_k(np.eye(3), [0, 0, 1], self_index=[0, 1, 2])
