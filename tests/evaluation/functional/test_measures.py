"""Less common measures against scikit-learn, torchmetrics and pytorch-metric-learning."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn.metrics
import torch

from msvitreid.evaluation.functional import (
    adjusted_mutual_information,
    extra_values,
    kmeans,
    kmeans_nmi,
    normalized_mutual_information,
    rank_classes,
    rank_metrics,
    rank_metrics_from_similarity,
)

from .test_features_to_map import random_case

ALL = ('precision', 'R-precision', 'MAP@R', 'MRR')


@pytest.fixture(params=range(4))
def case(request):
    """Similarities free of ties, and labels; every query has a match."""
    rng = np.random.default_rng(request.param)
    similarity = rng.permutation(12 * 50).reshape(12, 50) / 600
    query_pids = rng.integers(0, 6, 12)
    gallery_pids = np.concatenate([np.arange(6), rng.integers(0, 6, 44)])
    return similarity, query_pids, gallery_pids


def mean_over_queries(function, similarity, query_pids, gallery_pids, **options):
    values = [
        function(torch.from_numpy(row), torch.from_numpy(gallery_pids == pid), **options)
        for row, pid in zip(similarity, query_pids, strict=True)
    ]
    return float(np.mean(values))


def test_by_hand():
    """Matches at ranks 2, 3 and 5: R = 3."""
    metrics = rank_metrics_from_similarity(
        np.array([[5, 4, 3, 2, 1]]), [1], [0, 1, 1, 0, 1], topk=(1, 2, 10), extra=ALL
    )
    assert list(metrics)[5:-2] == [
        'precision@1', 'precision@2', 'precision@10', 'R-precision', 'MAP@R', 'MRR',
    ]  # fmt: skip
    assert metrics['precision@1'] == 0
    assert metrics['precision@2'] == 1 / 2
    assert metrics['precision@10'] == 3 / 10
    assert metrics['R-precision'] == pytest.approx(2 / 3)
    assert metrics['MAP@R'] == pytest.approx((1 / 2 + 2 / 3) / 3)
    assert metrics['MRR'] == 1 / 2


def test_agree_with_torchmetrics(case):
    from torchmetrics.functional import retrieval

    metrics = rank_metrics_from_similarity(*case, ap='plain', topk=(1, 3, 60), extra=ALL)
    for k in (1, 3, 60):
        expected = mean_over_queries(retrieval.retrieval_precision, *case, top_k=k)
        assert metrics[f'precision@{k}'] == pytest.approx(expected)
        expected = mean_over_queries(retrieval.retrieval_hit_rate, *case, top_k=k)
        assert metrics[f'rank-{k}'] == pytest.approx(expected)
    for name, function in (
        ('R-precision', retrieval.retrieval_r_precision),
        ('MRR', retrieval.retrieval_reciprocal_rank),
        ('mAP', retrieval.retrieval_average_precision),
    ):
        assert metrics[name] == pytest.approx(mean_over_queries(function, *case)), name


def test_plain_map_agrees_with_scikit_learn(case):
    similarity, query_pids, gallery_pids = case
    expected = np.mean(
        [
            sklearn.metrics.average_precision_score(gallery_pids == pid, row)
            for row, pid in zip(similarity, query_pids, strict=True)
        ]
    )
    metrics = rank_metrics_from_similarity(*case, ap='plain')
    assert metrics['mAP'] == pytest.approx(expected)


@pytest.mark.parametrize('seed', range(3))
def test_self_retrieval_agrees_with_pytorch_metric_learning(seed):
    from pytorch_metric_learning.distances import CosineSimilarity
    from pytorch_metric_learning.utils.accuracy_calculator import AccuracyCalculator
    from pytorch_metric_learning.utils.inference import CustomKNN

    rng = np.random.default_rng(seed)
    pids = rng.permutation(60) % 7
    features = torch.from_numpy(rng.normal(size=(60, 5)) + np.eye(7)[pids, :5]).float()
    features = torch.nn.functional.normalize(features)
    calculator = AccuracyCalculator(
        include=('mean_average_precision_at_r', 'r_precision', 'mean_reciprocal_rank',
                 'precision_at_1', 'mean_average_precision'),
        k=59,
        knn_func=CustomKNN(CosineSimilarity()),
    )  # fmt: skip
    theirs = calculator.get_accuracy(features, torch.from_numpy(pids))
    ours = rank_metrics(
        features, features, pids, pids, ap='plain', topk=(1,), self_index=range(60), extra=ALL
    )
    assert ours['MAP@R'] == pytest.approx(theirs['mean_average_precision_at_r'])
    assert ours['R-precision'] == pytest.approx(theirs['r_precision'])
    assert ours['MRR'] == pytest.approx(theirs['mean_reciprocal_rank'])
    assert ours['precision@1'] == pytest.approx(theirs['precision_at_1'])
    assert ours['mAP'] == pytest.approx(theirs['mean_average_precision'])


@pytest.mark.parametrize('seed', range(3))
def test_tied_similarities_agree_with_plain_python(seed):
    """Ties are broken by the gallery index, which torchmetrics does not promise."""
    query, gallery, query_pids, gallery_pids, *_ = random_case(seed)
    values = {name: [] for name in ('precision@2', 'R-precision', 'MAP@R', 'MRR')}
    for row, pid in zip(query @ gallery.T, query_pids, strict=True):
        order = sorted(np.flatnonzero(gallery_pids != -1), key=lambda i: (-row[i], i))
        hits = gallery_pids[order] == pid
        if not hits.any():
            continue
        r = hits.sum()
        values['precision@2'].append(hits[:2].sum() / 2)
        values['R-precision'].append(hits[:r].sum() / r)
        values['MAP@R'].append(
            sum(hits[: i + 1].sum() / (i + 1) for i in range(r) if hits[i]) / r
        )
        values['MRR'].append(1 / (1 + np.argmax(hits)))
    metrics = rank_metrics(query, gallery, query_pids, gallery_pids, topk=(2,), extra=ALL)
    for name, expected in values.items():
        assert metrics[name] == pytest.approx(np.mean(expected)), name


def test_a_query_without_a_match_has_no_value():
    ranked = rank_classes(np.eye(3), [0, 0, 1])
    values = extra_values(ranked, (1,), ALL)
    assert all(np.isnan(value[2]) and value[0] == value[0] for value in values.values())


@pytest.mark.parametrize('extra', [['recall'], 'MRR', None, [1], ['mrr']])
def test_an_unknown_measure(extra):
    with pytest.raises(ValueError, match='extra must be a list of any of'):
        rank_metrics(np.eye(2), np.eye(2), [0, 1], [0, 1], extra=extra)


@pytest.mark.parametrize('seed', range(3))
def test_mutual_information_agrees_with_scikit_learn_and_pytorch_metric_learning(seed):
    from pytorch_metric_learning.utils.accuracy_calculator import AccuracyCalculator

    rng = np.random.default_rng(seed)
    classes = rng.integers(0, 6, 90)
    clusters = np.where(rng.random(90) < 0.5, classes, rng.integers(0, 6, 90))
    nmi, ami = (
        measure(classes, clusters)
        for measure in (normalized_mutual_information, adjusted_mutual_information)
    )
    calculator = AccuracyCalculator(include=('NMI', 'AMI'), knn_func=object())
    assert nmi == pytest.approx(calculator.calculate_NMI(classes, clusters))
    assert ami == pytest.approx(calculator.calculate_AMI(classes, clusters))
    assert nmi == pytest.approx(sklearn.metrics.normalized_mutual_info_score(classes, clusters))
    assert 0 < ami < nmi < 1


def test_nmi_is_that_of_the_clusters():
    rng = np.random.default_rng(0)
    features, pids = rng.normal(size=(50, 4)), rng.integers(0, 5, 50)
    clusters = kmeans(features, 5, seed=2)
    assert kmeans_nmi(features, pids, seed=2) == normalized_mutual_information(pids, clusters)
