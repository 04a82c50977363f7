"""Rates of verification against scikit-learn's ROC curve of all pairs at once."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.interpolate import interp1d
from scipy.optimize import brentq
from sklearn.metrics import roc_curve

from msvitreid.evaluation.functional import verification_metrics

from .test_features_to_map import random_case


def all_pairs(query, gallery, labels, self_index=None):
    """Labels and similarities of the pairs under the Market rule."""
    query_pids, gallery_pids, query_camids, gallery_camids = labels
    same_pid = query_pids[:, None] == gallery_pids
    same_camera = (query_camids[:, None] == gallery_camids) & (query_camids[:, None] != -1)
    ranked = (gallery_pids != -1) & ~(same_pid & same_camera)
    if self_index is not None:
        ranked[np.arange(len(query)), self_index] = False
    return same_pid[ranked], (query @ gallery.T)[ranked]


def expected_rates(same, similarity, fprs):
    fpr, tpr, _ = roc_curve(same, similarity, drop_intermediate=False)
    rates = {'EER': brentq(lambda x: 1 - x - interp1d(fpr, tpr)(x), 0, 1)}
    return rates | {f'TPR@FPR={f:g}': tpr[fpr <= f].max() for f in fprs}


FPRS = (0.001, 0.01, 0.1, 0.5)


@pytest.mark.parametrize('chunk', [1, 8, 100])
@pytest.mark.parametrize('seed', range(4))
@pytest.mark.parametrize('ties', [False, True])
def test_agree_with_scikit_learn(ties, seed, chunk):
    query, gallery, *labels = random_case(seed)
    if not ties:
        rng = np.random.default_rng(seed)
        query, gallery = (rng.normal(size=x.shape).astype(np.float32) for x in (query, gallery))
    same, similarity = all_pairs(query, gallery, labels)
    actual = verification_metrics(query, gallery, *labels, fprs=FPRS, query_chunk=chunk)
    assert actual.pop('num_matching') == same.sum()
    assert actual.pop('num_differing') == (~same).sum()
    assert actual == pytest.approx(expected_rates(same, similarity, FPRS), abs=1e-9)


def test_agrees_with_torchmetrics():
    """Its equal error rate is of the nearest threshold: off by a pair of each kind at most."""
    import torch
    from torchmetrics.functional.classification import binary_roc

    query, gallery, *labels = random_case(0, 40, 200)
    rng = np.random.default_rng(0)
    query, gallery = (rng.normal(size=x.shape).astype(np.float32) for x in (query, gallery))
    same, similarity = all_pairs(query, gallery, labels)
    actual = verification_metrics(query, gallery, *labels, fprs=(0.05,))
    scores = torch.from_numpy((similarity - similarity.min()) / np.ptp(similarity))
    fpr, tpr, _ = binary_roc(scores, torch.from_numpy(same).long())
    assert actual['TPR@FPR=0.05'] == pytest.approx(float(tpr[fpr <= 0.05].max()))
    nearest = (fpr + tpr - 1).abs().argmin()
    expected = float(fpr[nearest] + 1 - tpr[nearest]) / 2
    assert actual['EER'] == pytest.approx(expected, abs=1 / same.sum())


def test_by_hand():
    """Matching 0.9, 0.6; differing 0.8, 0.5, 0.4, 0.3."""
    similarity = np.array([[0.9, 0.8, 0.6, 0.5, 0.4, 0.3]])
    rates = verification_metrics(
        np.ones((1, 1)), similarity.T, [1], [1, 0, 1, 0, 0, 0], fprs=(0.1, 0.25)
    )
    assert rates == {
        'EER': pytest.approx(0.25),
        'TPR@FPR=0.1': 0.5,
        'TPR@FPR=0.25': 1.0,
        'num_matching': 2,
        'num_differing': 4,
    }


@pytest.mark.parametrize('sign', [1, -1])
def test_perfect_and_always_wrong(sign):
    features = sign * np.array([[1.0], [1.0], [-1.0], [-1.0]])
    pids = [0, 0, 1, 1] if sign == 1 else [0, 1, 0, 1]
    rates = verification_metrics(features, features, pids, pids, self_index=range(4))
    if sign == 1:
        assert (rates['EER'], rates['TPR@FPR=0.001']) == (0.0, 1.0)
    else:
        assert rates['TPR@FPR=0.001'] == 0.0
        assert rates['EER'] > 0.5


def test_the_image_itself_is_no_pair():
    rng = np.random.default_rng(1)
    features, pids = rng.integers(-2, 3, (30, 4)).astype(np.float32), rng.integers(0, 5, 30)
    labels = [pids, pids, np.full(30, -1), np.full(30, -1)]
    same, similarity = all_pairs(features, features, labels, range(30))
    actual = verification_metrics(
        features, features, pids, pids, fprs=FPRS, self_index=range(30)
    )
    assert actual.pop('num_matching') + actual.pop('num_differing') == 30 * 29
    assert actual == pytest.approx(expected_rates(same, similarity, FPRS), abs=1e-9)


@pytest.mark.parametrize(
    'fprs',
    [(0,), (1,), (1.5,), 0.1, ('0.1',), (float('nan'),), None, np.array(0.1)],
    ids=repr,
)
def test_rates_out_of_range(fprs):
    with pytest.raises(ValueError, match=r'fprs .* above 0'):
        verification_metrics(np.eye(2), np.eye(2), [0, 1], [0, 1], fprs=fprs)


def test_rates_that_would_share_a_name():
    """The class: a figure that replaces another one without a word."""
    with pytest.raises(ValueError, match='six digits'):
        verification_metrics(np.eye(2), np.eye(2), [0, 1], [0, 1], fprs=(0.1, 0.10000001))


@pytest.mark.parametrize('pids', [[0, 0], [1, 2]])
def test_pairs_of_one_kind_only(pids):
    with pytest.raises(ValueError, match='pairs of one identity and of two'):
        verification_metrics(np.eye(2), np.eye(2), [0, 0], pids)


def test_similarities_that_overflow():
    with pytest.raises(ValueError, match='NaN or infinite'):
        verification_metrics(np.full((2, 2), 1e30), np.full((2, 2), 1e30), [0, 1], [0, 1])
