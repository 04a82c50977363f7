"""Rankings on a CUDA device; skipped without one."""

import time

import numpy as np
import pytest
import torch

from msvitreid.evaluation.functional import rank_metrics, recall_at_k

from .test_features_to_map import random_case

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a CUDA device'),
]


@pytest.mark.parametrize('seed', range(4))
def test_rankings_are_those_of_the_cpu(seed):
    """Small whole numbers, whose products are exact, so that ties are ties on both."""
    query, gallery, *labels = random_case(seed)
    expected = rank_metrics(query, gallery, *labels, per_query=True)
    features = (torch.from_numpy(rows).cuda() for rows in (query, gallery))
    found = rank_metrics(*features, *labels, per_query=True, query_chunk=5)
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value, err_msg=name)
    pids = labels[1]
    assert recall_at_k(torch.from_numpy(gallery).cuda(), pids) == recall_at_k(gallery, pids)


def test_market1501_takes_a_fifth_of_a_second():
    generator = torch.Generator('cuda').manual_seed(0)
    query, gallery = (
        torch.nn.functional.normalize(
            torch.randn(count, 2560, device='cuda', generator=generator)
        )
        for count in (3368, 19732)
    )
    random = np.random.default_rng(0)
    labels = [random.integers(-1, 751, 3368), random.integers(-1, 751, 19732)]
    labels += [random.integers(0, 6, 3368), random.integers(0, 6, 19732)]
    seconds = []
    for _ in range(4):
        torch.cuda.synchronize()
        start = time.perf_counter()
        rank_metrics(query, gallery, *labels)
        seconds.append(time.perf_counter() - start)
    assert min(seconds[1:]) <= 0.2
