"""Intervals of verification rates against ROC curves of repeated queries."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from msvitreid.evaluation.functional import (
    verification_intervals,
    verification_metrics,
)
from msvitreid.evaluation.functional.verification import curve_thresholds

from .test_features_to_map import random_case
from .test_verification import all_pairs, expected_rates

FPRS = (0.01, 0.1, 0.5)


def by_repeating(query, gallery, labels, resamples, seed, self_index=None):
    """The queries of each identity as often as it is drawn, and all their pairs."""
    query_pids, gallery_pids, query_camids, gallery_camids = labels
    identities = np.unique(query_pids)
    size = len(identities)
    rng = np.random.default_rng(seed)
    found = []
    for times in rng.multinomial(size, np.full(size, 1 / size), size=resamples):
        drawn = np.concatenate(
            [np.flatnonzero(query_pids == one) for one in np.repeat(identities, times)]
        )
        chosen = query_pids[drawn], gallery_pids, query_camids[drawn], gallery_camids
        itself = None if self_index is None else self_index[drawn]
        same, similarity = all_pairs(query[drawn], gallery, chosen, itself)
        found.append(expected_rates(same, similarity, FPRS))
    return {
        name: np.percentile([rates[name] for rates in found], [2.5, 97.5]) for name in found[0]
    }


@pytest.mark.parametrize('ties', [False, True])
@pytest.mark.parametrize('seed', range(3))
def test_agree_with_repeated_queries(seed, ties):
    query, gallery, *labels = random_case(seed)
    if not ties:
        rng = np.random.default_rng(seed)
        query, gallery = (rng.normal(size=x.shape).astype(np.float32) for x in (query, gallery))
    expected = by_repeating(query, gallery, labels, 40, 5)
    for chunk in (4, 100):
        actual = verification_intervals(
            query, gallery, *labels, fprs=FPRS, resamples=40, seed=5, query_chunk=chunk
        )
        assert actual.keys() == expected.keys()
        for name, interval in expected.items():
            np.testing.assert_allclose(actual[name], interval, atol=1e-9, err_msg=name)


def test_the_image_itself_is_no_pair():
    rng = np.random.default_rng(1)
    features, pids = rng.integers(-2, 3, (30, 4)).astype(np.float32), rng.integers(0, 5, 30)
    labels = pids, pids, np.full(30, -1), np.full(30, -1)
    expected = by_repeating(features, features, labels, 30, 0, np.arange(30))
    actual = verification_intervals(
        features, features, pids, pids, fprs=FPRS, resamples=30, self_index=np.arange(30)
    )
    for name, interval in expected.items():
        np.testing.assert_allclose(actual[name], interval, atol=1e-9, err_msg=name)


SIMILARITY = np.array([[0.9, 0.8, 0.5], [0.7, 0.6, 0.4]])


def test_by_hand():
    """Drawn twice, identity 0 has EER 0 and TPR 1, identity 1 EER 0.5 and TPR 0."""
    found = verification_intervals(
        np.eye(2), SIMILARITY.T, [0, 1], [0, 1, 2], fprs=(0.25,), resamples=200
    )
    assert found == {'EER': (0.0, 0.5), 'TPR@FPR=0.25': (0.0, 1.0)}


def test_one_identity_has_no_width():
    found = verification_intervals(
        np.eye(2), SIMILARITY.T, [0, 0], [0, 1, 0], fprs=(0.5,), resamples=5
    )
    rates = verification_metrics(np.eye(2), SIMILARITY.T, [0, 0], [0, 1, 0], fprs=(0.5,))
    assert found == {name: (rates[name],) * 2 for name in ('EER', 'TPR@FPR=0.5')}


def noisy_case():
    rng = np.random.default_rng(0)
    pids = np.repeat(np.arange(12), 20)
    features = rng.normal(size=(12, 6))[pids] + 0.8 * rng.normal(size=(240, 6))
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    return features[::2], features[1::2], pids[::2], pids[1::2]


def test_few_points_of_a_long_curve(monkeypatch):
    """1,200 matching pairs at 100 thresholds: off by a hundredth of the true positive rate."""
    exact = verification_intervals(*noisy_case(), fprs=FPRS, resamples=50)
    # Of the package, the name is the function's.
    module = sys.modules[verification_intervals.__module__]
    monkeypatch.setattr(module, 'CURVE_POINTS', 100)
    coarse = verification_intervals(*noisy_case(), fprs=FPRS, resamples=50)
    for name, interval in exact.items():
        assert coarse[name] != interval
        np.testing.assert_allclose(coarse[name], interval, atol=0.02, err_msg=name)


def test_thresholds_of_a_long_curve():
    """Steps of a thousandth of the pairs, and near both ends of 3 % of the distance to it."""
    values = np.random.default_rng(0).permutation(50_000)
    thresholds = curve_thresholds(values)
    assert len(thresholds) <= 2048
    assert (thresholds[0], thresholds[-1]) == (0, 49_999)
    steps = np.diff(thresholds)
    assert steps.max() <= 50
    for from_end in (thresholds[1:], 49_999 - thresholds[:-1]):
        assert (steps <= 1 + 0.03 * from_end).all()
    assert curve_thresholds(np.array([2, 1, 2])).tolist() == [1, 2]


def test_a_rate_near_zero_is_inside_its_interval():
    """Quantiles alone gave 0.0013 as the upper end of a rate of 0.0014."""
    rng = np.random.default_rng(0)
    pids = np.repeat(np.arange(40), 20)
    features = rng.normal(size=(40, 8))[pids] + 3 * rng.normal(size=(800, 8))
    parts = features[::2], features[1::2], pids[::2], pids[1::2]
    rate = verification_metrics(*parts, fprs=(1e-3,))['TPR@FPR=0.001']
    low, high = verification_intervals(*parts, fprs=(1e-3,), resamples=100)['TPR@FPR=0.001']
    assert 0.001 < rate < 0.02
    assert low < rate < high


def test_resamples_without_a_matching_pair_are_left_out():
    """Of 40 identities one has a match: a resample without it has no rate."""
    pids = np.arange(40)
    gallery_pids = np.r_[0, 100:139]
    gallery = np.diag(np.r_[1.0, -np.ones(39)])
    found = verification_intervals(
        np.eye(40), gallery, pids, gallery_pids, fprs=(0.1,), resamples=30
    )
    assert found == {'EER': (0.0, 0.0), 'TPR@FPR=0.1': (1.0, 1.0)}
    rare = [
        verification_intervals(
            np.eye(40), gallery, pids, gallery_pids, fprs=(0.1,), resamples=1, seed=seed
        )['EER']
        for seed in range(6)
    ]
    assert any(np.isnan(interval).all() for interval in rare)
    assert (0.0, 0.0) in rare


def test_the_seed_decides():
    first, again, other = (
        verification_intervals(*noisy_case(), resamples=20, seed=seed) for seed in (3, 3, 4)
    )
    assert first == again != other


@pytest.mark.parametrize(
    ('options', 'named'),
    [
        ({'resamples': 0}, 'resamples'),
        ({'resamples': 1.5}, 'resamples'),
        ({'seed': -1}, 'seed'),
        ({'fprs': [2]}, 'fprs'),
    ],
)
def test_numbers_out_of_range(options, named):
    with pytest.raises(ValueError, match=named):
        verification_intervals(np.eye(2), np.eye(2), [0, 1], [0, 1], **options)


@pytest.mark.parametrize('pids', [[0, 0], [1, 2]])
def test_pairs_of_one_kind_only(pids):
    with pytest.raises(ValueError, match='pairs of'):
        verification_intervals(np.eye(2), np.eye(2), [0, 0], pids)
