from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from msvitreid.evaluation.functional import (
    MarketRule,
    QueryScores,
    inner_product_rows,
    mean_values,
    query_values,
    rank_matches,
    rank_metrics,
    score_matches,
    summarize,
)

from .test_features_to_map import random_case


@pytest.mark.parametrize('bounds', [(0, 23), (0, 7, 7, 8, 23), tuple(range(24))])
def test_ranges_of_queries_come_together_to_all(bounds):
    query, gallery, *labels = random_case(2)
    rows, rule = inner_product_rows(query, gallery), MarketRule(*labels)
    parts = [
        query_values(rank_matches(rows, rule, start, stop, query_chunk=3), 'plain', (1, 4))
        for start, stop in pairwise(bounds)
    ]
    values = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    expected = rank_metrics(query, gallery, *labels, ap='plain', topk=(1, 4), per_query=True)
    np.testing.assert_array_equal(values['mAP'], expected.pop('AP'))
    assert mean_values(values) == expected


def test_scores_of_rankings_by_hand():
    """Matches at ranks 2 and 4; none; at ranks 1 and 3."""
    similarity = np.array([[4, 3, 2, 1], [4, 3, 2, 1], [1, 2, 3, 4]])
    rule = MarketRule([1, 9, 1], [0, 1, 0, 1])
    ranked = rank_matches(inner_product_rows(similarity, np.eye(4)), rule, 0, 3)
    scores = score_matches(ranked, 'plain')
    precisions = [(1 / 2 + 2 / 4) / 2, np.nan, (1 / 1 + 2 / 3) / 2]
    np.testing.assert_array_equal(scores.average_precision, precisions)
    np.testing.assert_array_equal(scores.first_rank, [2, 0, 1])
    np.testing.assert_array_equal(scores.inverse_penalty, [2 / 4, 0, 2 / 3])


def test_an_empty_range_has_empty_scores():
    rows = inner_product_rows(np.eye(2), np.eye(2))
    ranked = rank_matches(rows, MarketRule([1, 2], [1, 2]), 2, 2)
    assert [len(field) for field in score_matches(ranked, 'plain')] == [0, 0, 0]


def test_the_mean_is_over_queries_with_a_match():
    scores = QueryScores(
        np.array([0.5, np.nan, 1.0]), np.array([3, 0, 1]), np.array([0.25, 0.0, 0.75])
    )
    assert summarize(scores, (1, 3)) == {
        'mAP': 0.75, 'mINP': 0.5, 'rank-1': 0.5, 'rank-3': 1.0, 'num_queries': 3,
        'num_unmatched': 1,
    }  # fmt: skip
