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


def test_a_similarity_of_1_is_in_the_last_bin():
    rows = inner_product_rows(np.eye(2, dtype=np.float32), np.eye(2, dtype=np.float32))
    found = pair_curves(rows, MarketRule([0, 1], [0, 1]), EDGES)
    assert (found.same[-1], found.different[10], found.same.sum()) == (2, 2, 2)


def test_there_must_be_pairs_of_both_kinds():
    rows = inner_product_rows(np.eye(2, dtype=np.float32), np.eye(2, dtype=np.float32))
    with pytest.raises(ValueError, match='pairs of one identity'):
        pair_curves(rows, MarketRule([0, 0], [0, 0]), EDGES)
