"""Named test sets in one run are scored each by itself."""

import numpy as np
import pytest

from msvitreid.evaluation.functional import rank_metrics, recall_at_k
from msvitreid.evaluation.metrics import ReIDMetric, RetrievalMetric, embedding_metric

from .samples import make_samples


def make_joined(seed=0, count=80):
    """Two sets shuffled together, whose features are alike and whose pids differ."""
    rng = np.random.default_rng(seed)
    pids = rng.integers(0, 6, count)
    features = rng.normal(size=(6, 5))[pids] + rng.normal(size=(count, 5))
    features = features.astype(np.float32)
    datasets = np.where(rng.random(count) < 0.5, 'market', 'duke')
    is_query = rng.random(count) < 0.4
    samples = make_samples(features, pids, np.where(is_query, 'query', 'gallery').tolist())
    for sample, name in zip(samples, datasets, strict=True):
        sample.set_metainfo({'dataset': str(name)})
    return samples, features, pids, is_query, datasets


def evaluate(metric, samples):
    metric.process({}, samples)
    return metric.evaluate(len(samples))


def test_every_set_has_a_row_of_its_own(monkeypatch):
    lines = []
    monkeypatch.setattr(embedding_metric, 'print_log', lambda line, **_: lines.append(line))
    samples, features, pids, is_query, datasets = make_joined()
    metrics = evaluate(ReIDMetric(topk=(1,)), samples)
    assert set(metrics) == {
        f'{name}/{key}' for name in ('market', 'duke') for key in ('mAP', 'mINP', 'rank-1')
    }
    for name in ('market', 'duke'):
        q, g = is_query & (datasets == name), ~is_query & (datasets == name)
        alone = rank_metrics(features[q], features[g], pids[q], pids[g], topk=(1,))
        for key in ('mAP', 'mINP', 'rank-1'):
            assert metrics[f'{name}/{key}'] == pytest.approx(alone[key])
    (table,) = [line for line in lines if line.startswith('ReIDMetric:\n')]
    rows = table.splitlines()[1:]
    assert rows[0].split() == ['mAP', 'mINP', 'rank-1']
    row = next(row for row in rows if row.startswith('duke')).split()
    assert row[1] == f'{metrics["duke/mAP"]:.2%}'


def test_one_named_set_keeps_its_name():
    samples, *_ = make_joined()
    for sample in samples:
        sample.set_metainfo({'dataset': 'market'})
    assert 'market/mAP' in evaluate(ReIDMetric(), samples)


def test_self_retrieval_stays_inside_its_set():
    samples, features, pids, _, datasets = make_joined()
    for sample in samples:
        sample.set_metainfo({'split': 'query'})
    metrics = evaluate(RetrievalMetric(topk=(1,), nmi=False), samples)
    for name in ('market', 'duke'):
        rows = datasets == name
        alone = recall_at_k(features[rows], pids[rows], topk=(1,))
        assert metrics[f'{name}/recall@1'] == pytest.approx(alone['recall@1'])
