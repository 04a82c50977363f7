from __future__ import annotations

import re

import numpy as np
import pytest
import torch
from mmengine.evaluator import Evaluator

from msvitreid.errors import ConfigError, DatasetError, ReIDError
from msvitreid.evaluation import ReIDMetric
from msvitreid.evaluation.functional import (
    k_reciprocal_rerank,
    rank_metrics,
    rank_metrics_from_similarity,
)
from msvitreid.evaluation.metrics import embedding_metric, reid_metric
from msvitreid.registry import METRICS

from .samples import make_samples


@pytest.fixture
def log(monkeypatch):
    lines = []
    for module in (reid_metric, embedding_metric):
        monkeypatch.setattr(module, 'print_log', lambda line, **kwargs: lines.append(line))
    return lines


def make_case(seed=0, count=60):
    rng = np.random.default_rng(seed)
    pids = rng.integers(0, 8, count)
    features = rng.normal(size=(8, 6))[pids] + rng.normal(size=(count, 6))
    features = (features / np.linalg.norm(features, axis=1, keepdims=True)).astype(np.float32)
    camids = rng.integers(1, 4, count)
    is_query = rng.random(count) < 0.3
    splits = np.where(is_query, 'query', 'gallery').tolist()
    return features, pids, camids, is_query, splits


def expected_metrics(features, pids, camids, is_query, **options):
    q, g = is_query, ~is_query
    metrics = rank_metrics(
        features[q], features[g], pids[q], pids[g], camids[q], camids[g], **options
    )
    return {name: value for name, value in metrics.items() if not name.startswith('num_')}


@pytest.mark.parametrize('ap', ['trapezoid', 'plain'])
def test_through_mmengines_evaluator_in_any_order_and_with_repeats(ap, log):
    features, pids, camids, is_query, splits = make_case()
    samples = make_samples(features, pids, splits, camids)
    # Two processes take every other image; the sampler repeats the first one.
    order = [*range(0, 60, 2), *range(1, 60, 2), 0]
    evaluator = Evaluator({'type': 'msvitreid.ReIDMetric', 'ap': ap, 'topk': (1, 3)})
    for start in range(0, len(order), 8):
        evaluator.process([samples[i] for i in order[start : start + 8]])
    metrics = evaluator.evaluate(60)
    expected = expected_metrics(features, pids, camids, is_query, ap=ap, topk=(1, 3))
    assert metrics == pytest.approx(expected)
    assert list(metrics) == ['mAP', 'mINP', 'rank-1', 'rank-3']
    assert len(log) == 1
    queries = int(is_query.sum())
    assert re.search(
        f'{ap} AP, {queries} queries .0 without a match.*{60 - queries} ga', log[0]
    )


def test_accepts_data_samples_and_dicts_alike():
    features, pids, camids, _, splits = make_case(1)
    samples = make_samples(features, pids, splits, camids)
    values = []
    for batch in (samples, [sample.to_dict() for sample in samples]):
        metric = METRICS.build({'type': 'ReIDMetric'})
        metric.process(None, batch)
        values.append(metric.evaluate(60))
    assert values[0] == values[1]


def test_prefix():
    features, pids, camids, _, splits = make_case(1)
    metric = ReIDMetric(prefix='market')
    metric.process(None, make_samples(features, pids, splits, camids))
    assert 'market/mAP' in metric.evaluate(60)


def test_unknown_cameras_leave_nothing_out_and_the_log_says_so(log):
    features, pids, _, is_query, splits = make_case(2)
    samples = make_samples(features, pids, splits)
    for sample in samples[::2]:
        del sample.camid
    metric = ReIDMetric()
    metric.process(None, samples)
    unknown = np.full(60, -1)
    assert metric.evaluate(60) == pytest.approx(
        expected_metrics(features, pids, unknown, is_query)
    )
    assert sum('no image has a camera id' in line for line in log) == 1


def test_unmatched_queries_are_counted_in_the_log(log):
    features, pids, camids, _, splits = make_case(3)
    pids[splits.index('query')] = 99
    metric = ReIDMetric()
    metric.process(None, make_samples(features, pids, splits, camids))
    metric.evaluate(60)
    assert '(1 without a match' in log[0]


def test_rerank_gives_second_numbers_and_logs_its_settings(log):
    features, pids, camids, q, splits = make_case(4)
    metric = ReIDMetric(rerank={'k1': 5, 'k2': 2})
    metric.process(None, make_samples(features, pids, splits, camids))
    metrics = metric.evaluate(60)
    distances = k_reciprocal_rerank(features[q], features[~q], 5, 2, 0.3)
    labels = pids[q], pids[~q], camids[q], camids[~q]
    expected = rank_metrics_from_similarity(-distances, *labels)
    for name in ('mAP', 'mINP', 'rank-1', 'rank-5', 'rank-10'):
        assert metrics[f'{name}-rerank'] == pytest.approx(expected[name])
    assert len(metrics) == 10
    assert 'k1 5, k2 2, lambda_value 0.3' in log[1]


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'ap': 'voc'}, r"'trapezoid' or 'plain', got 'voc'"),
        ({'rerank': {'k3': 1}}, 'rerank takes a dict of k1, k2, lambda_value'),
        ({'topk': ()}, 'ReIDMetric: topk must be a list of whole numbers'),
        ({'topk': (True,)}, r'topk\[0\]: .* got True'),
        ({'topk': (1, 'x')}, r"topk\[1\]: .* got 'x'"),
        ({'rerank': {'k1': 0}}, 'ReIDMetric: k1 must be a whole number from 1 on, got 0'),
        ({'rerank': {'k2': 6.0}}, r'k2 must be a whole number from 1 on, got 6\.0'),
        (
            {'rerank': {'lambda_value': '0.3'}},
            "lambda_value must be a number from 0 to 1, got '",
        ),
        ({'rerank': True}, r'rerank: .* got True'),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(ConfigError, match=message):
        METRICS.build({'type': 'ReIDMetric', **options})


def test_an_embedding_that_is_not_finite_names_the_first_image():
    samples = make_samples(np.ones((4, 2)), [0] * 4, ['query'] * 4)
    samples[2].embedding = torch.tensor([1.0, float('nan')])
    samples[3].embedding = torch.tensor([1.0, float('inf')])
    with pytest.raises(ReIDError, match=r'images/2\.jpg holds NaN'):
        ReIDMetric().process(None, samples)


@pytest.mark.parametrize('missing', ['query', 'gallery'])
def test_an_empty_split_is_named(missing):
    present = {'query': 'gallery', 'gallery': 'query'}[missing]
    metric = ReIDMetric()
    metric.process(None, make_samples(np.ones((3, 2)), [0] * 3, [present] * 3))
    with pytest.raises(DatasetError, match=f"3 images but none of split '{missing}'"):
        metric.evaluate(3)


def test_nothing_processed():
    with pytest.raises(DatasetError, match='nothing to evaluate'):
        ReIDMetric().evaluate(0)


def test_no_query_has_a_match():
    metric = ReIDMetric()
    metric.process(None, make_samples(np.ones((2, 2)), [0, 1], ['query', 'gallery']))
    with pytest.raises(DatasetError, match='none of the 1 queries has a match'):
        metric.evaluate(2)


def test_a_training_image_is_refused():
    with pytest.raises(DatasetError, match=r"images/0\.jpg is of split 'train'"):
        ReIDMetric().process(None, make_samples(np.ones((1, 2)), [0], ['train']))


def test_a_missing_field_is_named():
    sample = make_samples(np.ones((1, 2)), [0], ['query'])[0]
    del sample.embedding
    with pytest.raises(ConfigError, match=r"'embedding' .*images/0\.jpg"):
        ReIDMetric().process(None, [sample])


def test_two_images_of_one_index_are_refused():
    samples = make_samples(np.ones((2, 2)), [0, 0], ['query', 'gallery'])
    samples[1].set_metainfo({'sample_idx': 0})
    metric = ReIDMetric()
    metric.process(None, samples)
    with pytest.raises(DatasetError, match='two different images carry sample_idx 0'):
        metric.evaluate(2)


def test_no_warning_about_a_missing_prefix(monkeypatch):
    import mmengine.evaluator.metric as mmengine_metric

    lines = []
    monkeypatch.setattr(mmengine_metric, 'print_log', lambda line, **kwargs: lines.append(line))
    assert embedding_metric.EmbeddingMetric.default_prefix == ''
    ReIDMetric()
    assert not lines
