"""Options of the metrics that add figures; without them nothing is added."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from msvitreid.errors import ConfigError, DatasetError, ReIDError
from msvitreid.evaluation import RandomGalleryMetric, ReIDMetric, RetrievalMetric
from msvitreid.evaluation.functional import (
    adjusted_mutual_information,
    bootstrap_intervals,
    camera_pair_metrics,
    expand_queries,
    kmeans,
    rank_metrics,
    recall_at_k,
    verification_intervals,
    verification_metrics,
)
from msvitreid.evaluation.metrics import embedding_metric, reid_metric
from msvitreid.registry import METRICS

from .samples import make_samples
from .test_reid_metric import make_case

EXTRA = ['precision', 'R-precision', 'MAP@R', 'MRR']


@pytest.fixture
def log(monkeypatch):
    lines = []
    for module in (reid_metric, embedding_metric):
        monkeypatch.setattr(module, 'print_log', lambda line, **_: lines.append(line))
    return lines


@pytest.fixture(scope='module')
def case():
    features, pids, camids, is_query, splits = make_case(5)
    q, g = is_query, ~is_query
    parts = features[q], features[g], pids[q], pids[g], camids[q], camids[g]
    return make_samples(features, pids, splits, camids), parts


def evaluate(metric, samples):
    metric.process(None, samples)
    return metric.evaluate(len(samples))


def test_extra_measures(case):
    samples, parts = case
    metrics = evaluate(ReIDMetric(topk=(1, 3), extra=EXTRA), samples)
    expected = rank_metrics(*parts, topk=(1, 3), extra=EXTRA)
    assert metrics == pytest.approx({name: expected[name] for name in list(expected)[:-2]})
    assert list(metrics)[-5:] == ['precision@1', 'precision@3', 'R-precision', 'MAP@R', 'MRR']


def test_verification(case, log):
    samples, parts = case
    metrics = evaluate(ReIDMetric(fprs=[0.01, 0.1]), samples)
    expected = verification_metrics(*parts, fprs=[0.01, 0.1])
    for name in ('EER', 'TPR@FPR=0.01', 'TPR@FPR=0.1'):
        assert metrics[name] == pytest.approx(expected[name])
    assert f'{expected["num_matching"]} pairs of one identity' in log[-1]


def test_verification_of_one_identity_only():
    samples = make_samples(np.eye(4), [0] * 4, ['query'] * 2 + ['gallery'] * 2)
    with pytest.raises(DatasetError, match='pairs of one identity and of two'):
        evaluate(ReIDMetric(fprs=[0.1]), samples)


def test_camera_pairs(case, log):
    samples, parts = case
    metrics = evaluate(ReIDMetric(camera_pairs=True), samples)
    table = camera_pair_metrics(*parts)
    added = {name: value for name, value in metrics.items() if name.startswith('mAP/')}
    assert len(added) == 6  # three cameras, none with itself
    assert added['mAP/c1-c3'] == pytest.approx(table.figures['mAP'][0, 2])
    (drawn,) = [line for line in log if 'gallery camera' in line]
    rows = [line.split() for line in drawn.splitlines()[2:]]
    assert rows[0] == ['1', '-', f'{added["mAP/c1-c2"]:.2%}', f'{added["mAP/c1-c3"]:.2%}']


def test_query_expansion(case, log):
    samples, parts = case
    metrics = evaluate(ReIDMetric(query_expansion={'k': 3}), samples)
    query = expand_queries(parts[0], parts[1], 3, 3.0)
    expected = rank_metrics(query, *parts[1:])
    assert metrics['mAP-qe'] == pytest.approx(expected['mAP'])
    assert metrics['rank-1-qe'] == pytest.approx(expected['rank-1'])
    assert 'k 3, alpha 3.0' in log[-1]


def test_intervals_over_identities(case, log):
    samples, parts = case
    metrics = evaluate(ReIDMetric(bootstrap=50, rerank={'k1': 5}, extra=['MRR']), samples)
    per_query = rank_metrics(*parts, per_query=True)['AP']
    (interval,) = bootstrap_intervals({'mAP': per_query}, parts[2], 50).values()
    assert (metrics['mAP-ci95-low'], metrics['mAP-ci95-high']) == pytest.approx(interval)
    for name in ('mINP', 'rank-1', 'MRR', 'mAP-rerank', 'MRR-rerank'):
        low, high = metrics[f'{name}-ci95-low'], metrics[f'{name}-ci95-high']
        assert 0 <= low <= metrics[name] <= high <= 1
    assert f'mAP {metrics["mAP"]:.2%} [{interval[0]:.2%}, {interval[1]:.2%}]' in log[0]
    assert '50 resamples' in log[0]


def test_every_figure_has_an_interval(case, log):
    """Figures without an interval: the rates of verification and mAP by camera pair."""
    samples, parts = case
    options = {'fprs': [0.01, 0.1], 'camera_pairs': True, 'query_expansion': {'k': 3}}
    plain = evaluate(ReIDMetric(**options, extra=EXTRA), samples)
    metrics = evaluate(ReIDMetric(**options, extra=EXTRA, bootstrap=40), samples)
    ends = {f'{name}-ci95-{end}' for name in plain for end in ('low', 'high')}
    assert metrics.keys() == plain.keys() | ends
    found = {
        name: (metrics[f'{name}-ci95-low'], metrics[f'{name}-ci95-high']) for name in plain
    }
    assert all(low <= high for low, high in found.values())
    rates = verification_intervals(*parts, fprs=[0.01, 0.1], resamples=40)
    for name, interval in rates.items():
        assert found[name] == pytest.approx(interval)
    table = camera_pair_metrics(*parts, resamples=40)
    assert found['mAP/c1-c3'] == pytest.approx(tuple(table.intervals['mAP'][0, 2]))
    (line,) = [line for line in log if 'EER' in line and '40 resamples' in line]
    assert f'EER {metrics["EER"]:.2%} [{rates["EER"][0]:.2%}, ' in line


def test_retrieval_with_everything():
    features, pids, *_ = make_case(6)
    samples = make_samples(features, pids, ['query'] * 60)
    metric = RetrievalMetric(ami=True, extra=EXTRA, topk=(1, 4), seed=2, bootstrap=20)
    metrics = evaluate(metric, samples)
    expected = rank_metrics(
        features, features, pids, pids, self_index=range(60), topk=(1, 4), extra=EXTRA
    )
    assert expected['num_unmatched'] == 0
    for name in ('precision@4', 'R-precision', 'MAP@R', 'MRR'):
        assert metrics[name] == pytest.approx(expected[name])
    assert metrics['recall@4'] == recall_at_k(features, pids, (4,))['recall@4']
    clusters = kmeans(torch.from_numpy(features), len(np.unique(pids)), seed=2)
    assert metrics['AMI'] == pytest.approx(adjusted_mutual_information(pids, clusters))
    for name in ('recall@1', 'MAP@R', 'NMI', 'AMI'):
        assert metrics[f'{name}-ci95-low'] <= metrics[f'{name}-ci95-high']


def test_an_image_alone_in_its_class_counts_as_zero():
    samples = make_samples(np.eye(3), [0, 0, 1], ['query'] * 3)
    metrics = evaluate(RetrievalMetric(topk=(1,), nmi=False, extra=['MRR']), samples)
    assert metrics['MRR'] == pytest.approx(2 / 3)


def test_intervals_of_random_galleries(log):
    features, pids, *_ = make_case(7)
    samples = make_samples(features, pids, ['query'] * 60)
    plain = evaluate(RandomGalleryMetric(draws=3), samples)
    metrics = evaluate(RandomGalleryMetric(draws=3, bootstrap=50), samples)
    assert plain.items() <= metrics.items()
    assert metrics['mAP-ci95-low'] < metrics['mAP'] < metrics['mAP-ci95-high']
    assert 'mAP-std-ci95-low' not in metrics


@pytest.mark.parametrize('metric', [ReIDMetric, RetrievalMetric, RandomGalleryMetric])
@pytest.mark.parametrize('bootstrap', [-1, 1.5, True, '100', None])
def test_resamples_that_cannot_be(metric, bootstrap):
    with pytest.raises(
        ConfigError, match=rf'{metric.__name__}\.bootstrap: .* got {bootstrap!r}'
    ):
        METRICS.build({'type': metric, 'bootstrap': bootstrap})


@pytest.mark.parametrize(
    ('metric', 'options', 'message'),
    [
        (ReIDMetric, {'extra': ['auc']}, 'ReIDMetric: extra must be a list of any of'),
        (ReIDMetric, {'fprs': [0]}, 'ReIDMetric: fprs must be a list of rates'),
        (ReIDMetric, {'query_expansion': {'k': 0}}, 'ReIDMetric: k must be a whole number'),
        (ReIDMetric, {'query_expansion': {'n': 5}}, 'query_expansion takes a dict of k, alpha'),
        (ReIDMetric, {'query_expansion': 5}, r'query_expansion: .* got 5'),
        (RetrievalMetric, {'extra': 'MRR'}, 'extra: expected a list'),
        (RetrievalMetric, {'seed': -1}, r'RetrievalMetric\.seed: .* got -1'),
    ],
)
def test_bad_options(metric, options, message):
    with pytest.raises(ConfigError, match=message):
        METRICS.build({'type': metric, **options})


@pytest.mark.parametrize('metric', [ReIDMetric, RetrievalMetric])
def test_embeddings_whose_products_overflow(metric):
    samples = make_samples(np.eye(4) * 1e30, [0, 0, 1, 1], ['query', 'gallery'] * 2)
    with pytest.raises(ReIDError, match=r'1e\+30.* overflow'):
        evaluate(metric(), samples)


@pytest.mark.parametrize('metric', [ReIDMetric, RetrievalMetric])
def test_embeddings_whose_products_vanish(metric):
    samples = make_samples(np.eye(4) * 1e-20, [0, 0, 1, 1], ['query', 'gallery'] * 2)
    with pytest.raises(ReIDError, match='similarities vanish'):
        evaluate(metric(), samples)
