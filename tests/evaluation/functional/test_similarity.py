"""Products are not exact here, as they are with the small whole numbers of other tests."""

import numpy as np
import pytest
import torch

from msvitreid.evaluation.functional import (
    k_reciprocal_rerank,
    rank_metrics,
    recall_at_k,
    top_matches,
)
from msvitreid.evaluation.functional.similarity import inner_products, stable_topk

COPIES = 6
"""No multiple of what BLAS computes at once."""


@pytest.fixture(params=range(8))
def random(request) -> np.random.Generator:
    return np.random.default_rng(request.param)


def copies(random: np.random.Generator, width: int) -> np.ndarray:
    return np.repeat(random.normal(size=(1, width)).astype(np.float32), COPIES, axis=0)


@pytest.mark.parametrize('count', [1, 2, 3, 5, 257])
@pytest.mark.parametrize('width', [8, 100, 2560])
def test_exact_duplicates_tie(random, count, width):
    left = torch.from_numpy(random.normal(size=(count, width)).astype(np.float32))
    right = torch.from_numpy(copies(random, width))
    products = inner_products(left, right)
    assert products.shape == (count, COPIES)
    assert torch.equal(products, products[:, :1].expand(-1, COPIES))
    torch.testing.assert_close(
        products.double(), left.double() @ right.double().T, atol=1e-3, rtol=0
    )


def test_of_equals_the_first_wins_for_a_lone_query(random):
    query = random.normal(size=(1, 2560)).astype(np.float32)
    gallery, pids = copies(random, 2560), [1, 0, 0, 0, 0, 0]
    assert rank_metrics(query, gallery, [1], pids)['rank-1'] == 1.0
    assert recall_at_k(query, [1], (1,), gallery, pids) == {'recall@1': 1.0}
    assert top_matches(query, gallery, COPIES, [1], pids).tolist() == [[0, 1, 2, 3, 4, 5]]
    queries = np.repeat(query, 257, axis=0)  # a last block of one
    assert rank_metrics(queries, gallery, [1] * 257, pids)['rank-1'] == 1.0


def test_duplicates_are_as_far_after_re_ranking(random):
    query = random.normal(size=(1, 256)).astype(np.float32)
    others = random.normal(size=(9, 256)).astype(np.float32)
    distances = k_reciprocal_rerank(query, np.concatenate([others, copies(random, 256)]), 4, 2)
    assert len(set(distances[0, 9:].tolist())) == 1


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
def test_autocast_changes_nothing(dtype):
    features, pids = torch.rand(30, 5), list(range(10)) * 3
    query, gallery = features[:3], features[3:]

    def figures():
        return (
            rank_metrics(query, gallery, pids[:3], pids[3:]),
            recall_at_k(features, pids),
            k_reciprocal_rerank(query, gallery, 4, 2).tolist(),
        )

    expected = figures()
    with torch.autocast('cpu', dtype=dtype):
        assert figures() == expected


def test_stable_topk_takes_the_lower_of_equal_indices():
    values = torch.tensor([[1.0, 3.0, 1.0, 3.0, 1.0], [0.0, 0.0, 0.0, 0.0, 0.0]])
    top, columns = stable_topk(values, 3)
    assert columns.tolist() == [[1, 3, 0], [0, 1, 2]]
    assert top.tolist() == [[3.0, 3.0, 1.0], [0.0, 0.0, 0.0]]


def test_stable_topk_of_none():
    assert stable_topk(torch.rand(2, 3), 0)[1].shape == (2, 0)
