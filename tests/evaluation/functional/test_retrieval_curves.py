"""Curves; class of faults: curves that disagree with the figures of the same ranking."""

from __future__ import annotations

import numpy as np
import pytest

from msvitreid.evaluation.functional import (
    rank_metrics,
    retrieval_curves,
    verification_metrics,
)
from msvitreid.evaluation.functional.curves import precision_recall
from msvitreid.evaluation.functional.similarities_to_map import RankedMatches

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


def test_precision_by_hand():
    """Hits at ranks 1 and 4 of one query, 2 of the other: (1 + 1/2) / 2, then (1/2 + 1/2) / 2."""
    ranked = RankedMatches(np.array([0, 0, 1]), np.array([1, 4, 2]), 3)
    precision = precision_recall(ranked)
    assert precision[[0, 50]] == pytest.approx([0.75, 0.75])
    assert precision[[51, 100]] == pytest.approx([0.5, 0.5])


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
