from __future__ import annotations

import numpy as np
import pytest

from msvitreid.errors import DatasetError
from msvitreid.evaluation.functional import kmeans_nmi, recall_at_k
from msvitreid.registry import METRICS

from .samples import make_samples


def evaluate(samples, **options):
    metric = METRICS.build({'type': 'RetrievalMetric', **options})
    metric.process(None, samples[:7])
    metric.process(None, samples[7:])
    return metric.evaluate(len(samples))


@pytest.fixture
def case():
    rng = np.random.default_rng(0)
    pids = rng.integers(0, 5, 30)
    return (rng.normal(size=(30, 4)) + pids[:, None]).astype(np.float32), pids


def test_all_queries_search_each_other(case):
    features, pids = case
    metrics = evaluate(make_samples(features, pids, ['query'] * 30), seed=3)
    nmi = kmeans_nmi(features, pids, seed=3)
    assert metrics == pytest.approx({**recall_at_k(features, pids), 'NMI': nmi})
    assert list(metrics) == ['recall@1', 'recall@2', 'recall@4', 'recall@8', 'NMI']
    assert 0 < metrics['recall@1'] <= metrics['recall@8'] <= 1


def test_queries_search_the_gallery_if_there_is_one(case):
    features, pids = case
    samples = make_samples(features, pids, ['query'] * 10 + ['gallery'] * 20)
    metrics = evaluate(samples, topk=(1, 10), nmi=False)
    expected = recall_at_k(features[:10], pids[:10], (1, 10), features[10:], pids[10:])
    assert metrics == pytest.approx(expected)


def test_a_repeated_image_is_no_duplicate_of_itself():
    samples = make_samples(np.eye(8), range(8), ['query'] * 8)
    assert evaluate([*samples, samples[0]], nmi=False)['recall@1'] == 0.0


def test_without_a_query():
    samples = make_samples(np.eye(8), range(8), ['gallery'] * 8)
    with pytest.raises(DatasetError, match="8 images but none of split 'query'"):
        evaluate(samples)
