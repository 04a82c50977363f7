from __future__ import annotations

import numpy as np
import pytest

from msvitreid.evaluation.functional import (
    first_match_ranks,
    recall_at_k,
    recall_of_first_ranks,
    top_matches,
)

from . import oracle
from .test_features_to_map import random_case


def brute_force(features, pids, topk, gallery=None, gallery_pids=None):
    itself_left_out = gallery is None
    if itself_left_out:
        gallery, gallery_pids = features, pids
    hits = dict.fromkeys(topk, 0)
    for i, feature in enumerate(features):
        others = [j for j in range(len(gallery)) if not (itself_left_out and j == i)]
        others.sort(key=lambda j: (-float(feature @ gallery[j]), j))
        for k in topk:
            hits[k] += any(gallery_pids[j] == pids[i] for j in others[:k])
    return {f'recall@{k}': hits[k] / len(features) for k in topk}


@pytest.mark.parametrize('chunk', [1, 8, 100])
@pytest.mark.parametrize('seed', range(3))
def test_agrees_with_plain_python(seed, chunk):
    rng = np.random.default_rng(seed)
    features = rng.integers(-1, 2, (41, 3)).astype(np.float32)
    pids = rng.integers(0, 18, 41)
    topk = (1, 2, 4, 60)
    assert recall_at_k(features, pids, topk, query_chunk=chunk) == pytest.approx(
        brute_force(features, pids, topk)
    )
    query, query_pids = features[:9], pids[:9]
    assert recall_at_k(
        query, query_pids, topk, features[9:], pids[9:], query_chunk=chunk
    ) == pytest.approx(brute_force(query, query_pids, topk, features[9:], pids[9:]))


def test_only_the_image_itself_is_left_out_not_its_duplicate():
    features = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    assert recall_at_k(features, [5, 5, 6], (1,))['recall@1'] == pytest.approx(2 / 3)
    # 0 finds its duplicate first, which is of another class; 2 finds 0; 1 is alone.
    assert recall_at_k(features, [5, 6, 5], (1, 2)) == pytest.approx(
        {'recall@1': 1 / 3, 'recall@2': 2 / 3}
    )


def test_an_image_alone_in_its_class_is_a_miss():
    assert recall_at_k(np.eye(3), [0, 1, 2], (1, 9)) == {'recall@1': 0.0, 'recall@9': 0.0}


def test_gallery_needs_its_labels():
    with pytest.raises(ValueError, match='both be given or neither'):
        recall_at_k(np.eye(3), [0, 1, 2], gallery_features=np.eye(3))


def test_nothing_to_search_with():
    with pytest.raises(ValueError, match='no image'):
        recall_at_k(np.empty((0, 4)), [])


@pytest.mark.parametrize('with_gallery', [False, True])
def test_first_match_ranks_of_ranges_are_those_of_all(with_gallery):
    rng = np.random.default_rng(3)
    features = rng.integers(-1, 2, (40, 3)).astype(np.float32)
    pids = rng.integers(0, 12, 40)
    images = (features[:25], pids[:25], features[25:], pids[25:])
    if not with_gallery:
        images = (features, pids, None, None)
    whole = first_match_ranks(*images)
    parts = [
        first_match_ranks(*images, start, stop, query_chunk=4)
        for start, stop in ((0, 8), (8, 8), (8, None))
    ]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    assert (whole == 0).any()
    assert (whole == 1).any()


def test_first_match_ranks_by_hand():
    features = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    # Image 0 meets its duplicate, of another class, before image 2.
    ranks = first_match_ranks(features, [5, 6, 5])
    assert ranks.tolist() == [2, 0, 1]
    assert recall_of_first_ranks(ranks, (1, 2)) == {'recall@1': 1 / 3, 'recall@2': 2 / 3}


@pytest.mark.parametrize('k', [1, 4, 90])
@pytest.mark.parametrize('seed', range(3))
def test_top_matches_agree_with_plain_python(seed, k):
    query, gallery, *labels = random_case(seed)
    query_pids, gallery_pids, query_camids, gallery_camids = labels
    expected = np.full((len(query), k), -1)
    for row, similarity in enumerate(query @ gallery.T):
        ranking = oracle.ranked_gallery(
            similarity, query_pids[row], query_camids[row], gallery_pids, gallery_camids
        )[:k]
        expected[row, : len(ranking)] = ranking
    actual = top_matches(query, gallery, k, *labels, query_chunk=5)
    assert actual.dtype == np.int64
    np.testing.assert_array_equal(actual, expected)
