from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch

from msvitreid.evaluation.functional import (
    KReciprocalDistances,
    k_reciprocal_rerank,
    reranking,
    similarity,
)
from tests.plain import rerank as plain


def dense_rerank(query, gallery, k1, k2, lambda_value, itself=False):
    """The paper with sets and dense matrices, in float64; with ``itself`` both are one set."""
    features = gallery if itself else np.concatenate([query, gallery])
    features = features.astype(np.float64)
    first = 0 if itself else len(query)
    count = len(features)
    distance = ((features[:, None] - features[None]) ** 2).sum(-1)
    distance /= distance.max(axis=1, keepdims=True)
    order = np.argsort(distance, axis=1, kind='stable')

    def nearest(p, k):  # N(p, k), p itself first
        return set(order[p, : k + 1].tolist())

    def reciprocal(p, k):  # R(p, k)
        return {g for g in nearest(p, k) if p in nearest(g, k)}

    encodings = np.zeros((count, count))
    for p in range(count):
        members = reciprocal(p, k1)
        expanded = set(members)
        for q in members:
            half = reciprocal(q, int(np.around(k1 / 2)))
            if len(half & members) > 2 / 3 * len(half):
                expanded |= half
        for g in expanded:
            encodings[p, g] = np.exp(-distance[p, g])
        encodings[p] /= encodings[p].sum()
    encodings = np.stack([encodings[order[p, :k2]].mean(axis=0) for p in range(count)])

    result = np.empty((len(query), len(gallery)))
    for p in range(len(query)):
        for g in range(len(gallery)):
            pair = encodings[p], encodings[first + g]
            jaccard = 1 - np.minimum(*pair).sum() / np.maximum(*pair).sum()
            original = distance[p, first + g]
            result[p, g] = (1 - lambda_value) * jaccard + lambda_value * original
    return result


def clustered(seed, num_query=7, num_gallery=48):
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(6, 12))
    labels = rng.integers(0, 6, num_query + num_gallery)
    features = centres[labels] + 0.6 * rng.normal(size=(len(labels), 12))
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    return features[:num_query].astype(np.float32), features[num_query:].astype(np.float32)


@pytest.mark.parametrize(
    ('k1', 'k2', 'lambda_value'),
    [(20, 6, 0.3), (5, 2, 0.5), (7, 1, 0.0), (3, 9, 0.2), (1, 1, 1.0), (90, 80, 0.3)],
)
def test_agrees_with_the_dense_transcription(k1, k2, lambda_value):
    query, gallery = clustered(k1)
    expected = dense_rerank(query, gallery, k1, k2, lambda_value)
    actual = k_reciprocal_rerank(query, gallery, k1, k2, lambda_value)
    assert actual.shape == (7, 48)
    np.testing.assert_allclose(actual, expected, atol=1e-5)


def test_many_queries_are_handled_in_blocks():
    query, gallery = clustered(0, num_query=150, num_gallery=40)
    whole = k_reciprocal_rerank(torch.from_numpy(query), torch.from_numpy(gallery), 6, 3)
    distances = KReciprocalDistances(query, gallery, 6, 3)
    np.testing.assert_allclose(whole[140:150], distances.rows(140, 150), atol=1e-6)
    assert whole.shape == (150, 40)


def test_identical_images_do_not_divide_by_zero():
    result = k_reciprocal_rerank(np.ones((2, 4)), np.ones((9, 4)), k1=3, k2=2)
    assert np.isfinite(result).all()


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'k1': 0}, 'k1 must be a whole number from 1 on, got 0'),
        ({'k2': 2.5}, r'k2 must be a whole number from 1 on, got 2\.5'),
        ({'lambda_value': 1.5}, 'from 0 to 1'),
        ({'lambda_value': '0.3'}, "a number from 0 to 1, got '0.3'"),
    ],
)
def test_parameters_out_of_range(change, message):
    with pytest.raises(ValueError, match=message):
        k_reciprocal_rerank(np.eye(4), np.eye(4), **change)


def test_importing_evaluation_is_light():
    code = (
        'import sys, msvitreid.evaluation; '
        "heavy = {'scipy', 'torchvision', 'mmpretrain'} & set(sys.modules); "
        'assert not heavy, heavy'
    )
    subprocess.run([sys.executable, '-c', code], check=True)


@pytest.fixture
def small_blocks(monkeypatch):
    for module in (similarity, reranking):
        monkeypatch.setattr(module, 'BLOCK', 32)


@pytest.mark.parametrize('k1', [8, 40])
@pytest.mark.usefixtures('small_blocks')
def test_the_search_for_neighbors_can_be_split(k1):
    query, gallery = clustered(5, num_query=60, num_gallery=240)
    calls = []

    def split(compute, count, block):
        calls.append((count, block))
        parts = [compute(0, block), compute(block, block), compute(block, count)]
        return tuple(np.concatenate(arrays) for arrays in zip(*parts, strict=True))

    whole = KReciprocalDistances(query, gallery, k1, 3).rows(0, 60)
    divided = KReciprocalDistances(query, gallery, k1, 3, split=split).rows(0, 60)
    np.testing.assert_array_equal(divided, whole)
    np.testing.assert_allclose(whole, dense_rerank(query, gallery, k1, 3, 0.3), atol=1e-5)
    assert calls == [(300, 32)]


@pytest.mark.parametrize('ids', [3, 40])
@pytest.mark.usefixtures('small_blocks')
def test_exact_distances_agree_with_the_plain_implementation(ids):
    """Small integers: products are exact, and equal distances are many."""
    rng = np.random.default_rng(ids)
    features = rng.integers(-3, 4, (ids, 8))[rng.integers(0, ids, 260)]
    features = (features + rng.integers(-1, 2, features.shape)).astype(np.float32)
    query, gallery = features[:70], features[70:]
    for k1, k2 in ((20, 6), (5, 1), (3, 8)):
        expected = plain.k_reciprocal_rerank(query, gallery, k1, k2)
        actual = k_reciprocal_rerank(query, gallery, k1, k2)
        np.testing.assert_allclose(actual, expected, atol=1e-5)


@pytest.mark.parametrize('exponent', [-20, -25, -50, 30])
def test_distances_do_not_depend_on_the_scale_of_features(exponent):
    """The class: a constant in the unit of somebody's features.

    Squared distances below 1e-12 counted as 0: of features of length 1e-7 the order was another.
    """
    query, gallery = clustered(2, num_query=20, num_gallery=60)
    scale = np.float32(2.0**exponent)
    np.testing.assert_array_equal(
        k_reciprocal_rerank(query * scale, gallery * scale), k_reciprocal_rerank(query, gallery)
    )
