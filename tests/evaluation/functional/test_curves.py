"""Precision over recall, and errors over thresholds, against counting by hand."""

from __future__ import annotations

import numpy as np
import pytest

from msvitreid.evaluation.functional import (
    RECALL_LEVELS,
    MarketRule,
    RankedMatches,
    inner_product_rows,
    pair_curves,
    precision_recall,
    rank_metrics,
    retrieval_curves,
    verification_metrics,
)

EDGES = np.linspace(-1, 1, 21)


def test_precision_over_recall_of_one_query():
    """Matches at ranks 1 and 4: precision 1 up to recall 1/2, then 1/2."""
    ranked = RankedMatches(np.array([0, 0]), np.array([1, 4]), 1)
    found = precision_recall(ranked)
    assert found[RECALL_LEVELS <= 0.5].tolist() == [1.0] * 51
    assert found[RECALL_LEVELS > 0.5].tolist() == [0.5] * 50


def test_precision_never_rises_and_is_a_mean_over_queries_with_a_match():
    """Query 0: ranks 2, 3 (precision 2/3 throughout); 1: rank 1; 2: no match."""
    ranked = RankedMatches(np.array([0, 0, 1]), np.array([2, 3, 1]), 3)
    np.testing.assert_allclose(precision_recall(ranked), (2 / 3 + 1) / 2)


def test_recall_levels_are_not_missed_by_rounding():
    """Of 10 matches, recall 0.3 is reached by the third: 0.3 * 10 is above 3 in floats."""
    ranks = np.array([1, 2, 3, *range(104, 111)])
    found = precision_recall(RankedMatches(np.zeros(10, np.int64), ranks, 1))
    assert (found[30], found[31] < 0.2) == (1.0, True)


def test_no_match_gives_no_curve():
    empty = np.empty(0, np.int64)
    assert np.isnan(precision_recall(RankedMatches(empty, empty, 2))).all()


@pytest.fixture
def searched():
    rng = np.random.default_rng(0)
    query, gallery = (rng.normal(size=(n, 6)).astype(np.float32) for n in (9, 25))
    query, gallery = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (query, gallery))
    labels = (rng.integers(0, n, size) for n, size in ((4, 9), (4, 25), (2, 9), (2, 25)))
    return query, gallery, tuple(labels)


def test_rates_and_histograms_are_those_of_all_pairs(searched):
    query, gallery, labels = searched
    found = pair_curves(inner_product_rows(query, gallery), MarketRule(*labels), EDGES)
    assert found.rates == verification_metrics(query, gallery, *labels, fprs=(1e-4, 1e-3, 1e-2))
    similarity = query @ gallery.T
    same = labels[0][:, None] == labels[1]
    own_camera = labels[2][:, None] == labels[3]
    genuine, impostor = similarity[same & ~own_camera], similarity[~same]
    edges = EDGES.astype(np.float32)
    assert found.same.tolist() == np.histogram(genuine, edges)[0].tolist()
    assert found.different.tolist() == np.histogram(impostor, edges)[0].tolist()
    for threshold, fmr, fnmr in zip(found.thresholds, found.fmr, found.fnmr, strict=True):
        assert fmr == pytest.approx((impostor >= threshold).mean(), abs=0.02)
        assert fnmr == pytest.approx((genuine < threshold).mean(), abs=0.02)
    assert (found.fnmr[0], np.diff(found.fmr).max() <= 0) == (0, True)


def test_a_similarity_of_1_or_above_is_in_the_last_bin():
    rows = inner_product_rows(np.eye(2, dtype=np.float32), np.eye(2, dtype=np.float32))
    found = pair_curves(rows, MarketRule([0, 1], [0, 1]), EDGES)
    assert (found.same[-1], found.different[10], found.same.sum()) == (2, 2, 2)


def test_there_must_be_pairs_of_both_kinds():
    rows = inner_product_rows(np.eye(2, dtype=np.float32), np.eye(2, dtype=np.float32))
    with pytest.raises(ValueError, match='pairs of one identity'):
        pair_curves(rows, MarketRule([0, 0], [0, 0]), EDGES)


def test_rounding_loses_no_pair():
    """Products of unit vectors may be 1.0000001, which no bin up to 1 holds."""
    features = np.float32([[1.0000002, 0], [0, 1], [1.0000002, 0], [-1.0000002, 0]])
    found = pair_curves(
        inner_product_rows(features[:2], features[2:]), MarketRule([0, 1], [0, 1]), EDGES
    )
    assert (found.same[-1], found.same.sum()) == (1, 2)
    assert (found.different[0], found.different.sum()) == (1, 2)


QUERIES, GALLERY = 12, 60


@pytest.fixture(scope='module')
def data():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(QUERIES + GALLERY, 8)).astype(np.float32)
    pids = rng.integers(0, 5, QUERIES + GALLERY)
    features += 1.5 * np.eye(8, dtype=np.float32)[pids]
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    cams = rng.integers(0, 3, QUERIES + GALLERY)
    pids[-3:] = -1
    return (
        features[:QUERIES],
        features[QUERIES:],
        pids[:QUERIES],
        pids[QUERIES:],
        cams[:QUERIES],
        cams[QUERIES:],
    )


def test_cmc_is_rank_k(data):
    curves = retrieval_curves(*data, ranks=10)
    metrics = rank_metrics(*data, topk=(1, 5, 10))
    assert len(curves.cmc) == 10
    assert [curves.cmc[k - 1] for k in (1, 5, 10)] == pytest.approx(
        [metrics[f'rank-{k}'] for k in (1, 5, 10)]
    )
    assert curves.num_queries == metrics['num_queries'] - metrics['num_unmatched']


def test_pairs_are_counted_once(data):
    curves = retrieval_curves(*data, query_chunk=5)
    metrics = verification_metrics(*data)
    assert curves.same.sum() == metrics['num_matching']
    assert curves.different.sum() == metrics['num_differing']
    assert curves.eer == pytest.approx(metrics['EER'])
    assert (curves.fmr[0], curves.fnmr[0], curves.fnmr[-1]) == (0, 1, 0)
    assert (np.diff(curves.fmr) >= 0).all()
    assert (np.diff(curves.fnmr) <= 0).all()


def test_precision_between_recalls_uses_the_best_later_hit():
    """Hits at ranks 3 and 4: precision 1/3 at the first, 2/4 at the second, so 1/2 for both."""
    ranked = RankedMatches(np.array([0, 0]), np.array([3, 4]), 1)
    assert precision_recall(ranked) == pytest.approx(np.full(101, 0.5))


def test_perfect_features():
    features = np.eye(2, dtype=np.float32)[[0, 1, 0, 1]]
    curves = retrieval_curves(features[:2], features[2:], [0, 1], [0, 1], ranks=3)
    assert curves.cmc.tolist() == [1, 1, 1]
    assert curves.precision.min() == 1
    assert curves.eer == 0


@pytest.mark.parametrize(('pids', 'words'), [([0, 0], 'of two'), ([1, 1], 'of one identity')])
def test_pairs_of_one_kind_only(pids, words):
    features = np.eye(2, dtype=np.float32)
    with pytest.raises(ValueError, match=words):
        retrieval_curves(features[:1], features, [0], pids)


def test_ranks(data):
    with pytest.raises(ValueError, match='ranks'):
        retrieval_curves(*data, ranks=0)
