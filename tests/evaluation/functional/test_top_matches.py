from __future__ import annotations

import numpy as np
import pytest
import torch

from msvitreid.evaluation.functional import top_matches
from msvitreid.evaluation.functional.stable_topk import stable_topk

from . import oracle
from .test_rank_metrics import random_case


@pytest.mark.parametrize('k', [1, 4, 90])
@pytest.mark.parametrize('seed', range(3))
def test_agrees_with_plain_python(seed, k):
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


def test_stable_topk_takes_the_lower_of_equal_indices():
    values = torch.tensor([[1.0, 3.0, 1.0, 3.0, 1.0], [0.0, 0.0, 0.0, 0.0, 0.0]])
    top, columns = stable_topk(values, 3)
    assert columns.tolist() == [[1, 3, 0], [0, 1, 2]]
    assert top.tolist() == [[3.0, 3.0, 1.0], [0.0, 0.0, 0.0]]


def test_stable_topk_of_none():
    assert stable_topk(torch.rand(2, 3), 0)[1].shape == (2, 0)
