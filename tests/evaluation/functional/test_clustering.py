from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
import torch

from msvitreid.evaluation.functional import kmeans, kmeans_nmi, normalized_mutual_information


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
