from __future__ import annotations

import itertools
import math
from collections import Counter

import numpy as np
import pytest
import torch

from msvitreid.evaluation.functional import (
    clustering_metrics,
    kmeans,
    kmeans_nmi,
    normalized_mutual_information,
)


def brute_force_nmi(left, right):
    def entropy(labels):
        return -sum(
            n / len(labels) * math.log(n / len(labels)) for n in Counter(labels).values()
        )

    mutual = 0.0
    for (a, b), n in Counter(zip(left, right, strict=True)).items():
        expected = left.count(a) * right.count(b) / len(left)
        mutual += n / len(left) * math.log(n / expected)
    return mutual / ((entropy(left) + entropy(right)) / 2)


def test_nmi_agrees_with_its_definition():
    rng = np.random.default_rng(0)
    for _ in range(5):
        left, right = rng.integers(0, 6, 80), rng.integers(10, 14, 80)
        right[:30] = left[:30]
        assert normalized_mutual_information(left, right) == pytest.approx(
            brute_force_nmi(left.tolist(), right.tolist())
        )


@pytest.mark.parametrize(
    ('left', 'right', 'expected'),
    [
        ([0, 0, 1, 1], [7, 7, 3, 3], 1.0),
        ([0, 0, 1, 1], [0, 1, 0, 1], 0.0),
        ([0, 0, 0], [1, 1, 1], 1.0),
        ([0, 0, 1, 1], [0, 1, 2, 3], 2 / 3),
    ],
)
def test_nmi_of_known_labelings(left, right, expected):
    value = normalized_mutual_information(np.array(left), np.array(right))
    assert value == pytest.approx(expected, abs=1e-12)


def lloyd(samples, centres, iterations):
    for _ in range(iterations):
        nearest = [int(((centres - x) ** 2).sum(1).argmin()) for x in samples]
        centres = np.stack(
            [
                np.mean([x for x, c in zip(samples, nearest, strict=True) if c == i], axis=0)
                for i in range(len(centres))
            ]
        )
    return [int(((centres - x) ** 2).sum(1).argmin()) for x in samples]


def test_kmeans_is_lloyds_from_distinct_random_samples():
    samples = torch.from_numpy(np.random.default_rng(1).normal(size=(60, 2))).float()
    start = torch.randperm(60, generator=torch.Generator().manual_seed(3))[:4]
    expected = lloyd(samples.numpy(), samples[start].numpy(), iterations=3)
    assert kmeans(samples, 4, iterations=3, seed=3).tolist() == expected


def test_an_empty_cluster_restarts_at_the_farthest_sample():
    # Started at two of the equal samples, k-means must still find the far one.
    samples = torch.tensor([[5.0], [5.0], [5.0], [5.0], [9.0]])
    for seed in range(8):
        assigned = kmeans(samples, 2, seed=seed)
        assert len(assigned[:4].unique()) == 1
        assert assigned[4] != assigned[0]


def test_separate_blobs_are_found_and_the_seed_decides():
    rng = np.random.default_rng(0)
    pids = np.repeat(np.arange(3), 30)
    features = 20 * np.eye(3)[pids] + rng.normal(size=(90, 3))
    # A start with two samples of one blob ends in a worse optimum.
    assert max(kmeans_nmi(features, pids, seed=seed) for seed in range(8)) == pytest.approx(1)
    noise = rng.normal(size=(90, 8))
    values = [kmeans_nmi(noise, pids, seed=seed) for seed in (0, 0, 1)]
    assert values[0] == values[1] != values[2]


@pytest.mark.parametrize('num_clusters', [0, 4])
def test_number_of_clusters_out_of_range(num_clusters):
    with pytest.raises(ValueError, match='num_clusters must be'):
        kmeans_nmi(np.eye(3), [0, 1, 2], num_clusters=num_clusters)


def brute_force_figures(classes, clusters):
    """B-cubed and pairwise figures by loops over images and pairs."""
    images = range(len(classes))
    precision, recall = [], []
    for i in images:
        mates = [j for j in images if clusters[j] == clusters[i]]
        kin = [j for j in images if classes[j] == classes[i]]
        precision.append(len(set(mates) & set(kin)) / len(mates))
        recall.append(len(set(mates) & set(kin)) / len(kin))
    pairs = [(i, j) for i in images for j in images if i < j]
    joined = {(i, j) for i, j in pairs if clusters[i] == clusters[j]}
    true = {(i, j) for i, j in pairs if classes[i] == classes[j]}
    right = len(joined & true)
    b3 = sum(precision) / len(precision), sum(recall) / len(recall)
    pair = right / len(joined) if joined else 1, right / len(true) if true else 1
    expected = {'clusters': len(set(clusters)), 'classes': len(set(classes))}
    for name, (p, r) in (('b3', b3), ('pair', pair)):
        expected |= {f'{name}-precision': p, f'{name}-recall': r}
        expected[f'{name}-F'] = 2 * p * r / (p + r) if p + r else 0
    return expected


def brute_force_ami(left, right):
    """Mutual information less its mean over all permutations, over that of the entropies."""

    def entropy(labels):
        shares = [n / len(labels) for n in Counter(labels).values()]
        return -sum(share * math.log(share) for share in shares)

    def mutual(left, right):
        return entropy(left) + entropy(right) - entropy(list(zip(left, right, strict=True)))

    shuffled = [mutual(left, order) for order in itertools.permutations(right)]
    chance = sum(shuffled) / len(shuffled)
    return (mutual(left, right) - chance) / ((entropy(left) + entropy(right)) / 2 - chance)


def test_figures_of_clusters_agree_with_their_definitions():
    rng = np.random.default_rng(0)
    for _ in range(20):
        classes = rng.integers(0, 5, 24)
        clusters = np.where(rng.random(24) < 0.6, classes, rng.integers(3, 9, 24))
        found = clustering_metrics(classes, clusters)
        expected = brute_force_figures(classes.tolist(), clusters.tolist())
        assert found.keys() == expected.keys() | {'AMI'}
        assert {name: found[name] for name in expected} == pytest.approx(expected, abs=1e-12)


def test_ami_agrees_with_its_definition():
    for left, right in (
        ([0, 0, 0, 1, 1, 1, 2], [5, 5, 6, 6, 6, 7, 7]),
        ([0, 0, 1, 1, 2, 2, 2], [3, 3, 3, 3, 4, 4, 4]),
        ([0, 1, 2, 3, 3, 3], [9, 9, 9, 8, 8, 7]),
    ):
        value = clustering_metrics(left, right)['AMI']
        assert value == pytest.approx(brute_force_ami(left, right), abs=1e-12)


@pytest.mark.parametrize(
    ('classes', 'clusters', 'expected'),
    [
        # Bagga and Baldwin's example: two of three classes are in one cluster.
        (
            [0] * 5 + [1] * 2 + [2] * 5,
            [0] * 5 + [1] * 7,
            {'b3-precision': 0.7619, 'b3-recall': 1},
        ),
        ([0, 1, 2], [0, 1, 2], {'pair-F': 1, 'b3-F': 1, 'clusters': 3}),
        ([0, 0, 0, 0], [0, 1, 2, 3], {'pair-precision': 1, 'pair-F': 0, 'b3-recall': 0.25}),
        ([0, 1, 2, 3], [4, 4, 4, 4], {'pair-precision': 0, 'pair-recall': 1, 'pair-F': 0}),
        ([7], [3], {'b3-F': 1, 'pair-F': 1, 'AMI': 1}),
        ([0, 1], [5, 6], {'b3-F': 1, 'AMI': 1}),
    ],
)
def test_figures_of_known_clusters(classes, clusters, expected):
    found = clustering_metrics(classes, clusters)
    assert {name: found[name] for name in expected} == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(
    ('classes', 'clusters', 'match'),
    [
        ([], [], 'classes'),
        ([1, 2], [1], 'clusters'),
        ([1.5], [1], 'classes'),
        ([1], [float('nan')], 'clusters'),
        ([[1]], [1], 'classes'),
    ],
)
def test_labels_that_are_none(classes, clusters, match):
    with pytest.raises(ValueError, match=match):
        clustering_metrics(classes, clusters)
