"""Normalised mutual information of a k-means clustering with the true classes."""

from __future__ import annotations

import numpy as np
import torch

from .inputs import Array, Labels, as_features, as_labels

_DISTANCE_BLOCK = 1 << 24
"""Entries of the sample-by-centre matrix held at once (64 MiB)."""


def kmeans_nmi(
    features: Array,
    pids: Labels,
    num_clusters: int | None = None,
    iterations: int = 20,
    seed: int = 0,
) -> float:
    """NMI between the classes and the clusters that k-means finds.

    The protocol of Cars196 and CUB-200-2011: as many clusters as test classes, a
    random start, 20 iterations, mutual information over the arithmetic mean of the
    two entropies. The same seed gives the same value on the same kind of device.

    Args:
        features: ``(N, D)``.
        pids: ``(N,)`` classes.
        num_clusters: k, at most ``N``; by default the number of classes.
        iterations: Lloyd iterations.
        seed: of the random start.

    Returns:
        NMI in [0, 1].

    Raises:
        ValueError: shapes disagree, a feature is not finite, or there are fewer
            images than clusters.
    """
    samples = as_features(features, 'features')
    classes = as_labels(pids, len(samples), 'pids')
    if num_clusters is None:
        num_clusters = len(np.unique(classes))
    clusters = kmeans(samples, num_clusters, iterations, seed)
    return normalized_mutual_information(classes, clusters.cpu().numpy())


def kmeans(
    samples: torch.Tensor, num_clusters: int, iterations: int = 20, seed: int = 0
) -> torch.Tensor:
    """Lloyd's k-means from ``num_clusters`` distinct random samples.

    A cluster that runs empty restarts at a sample that lies farthest from its
    own centre.

    Args:
        samples: ``(N, D)`` float32.
        num_clusters: from 1 to ``N``.
        iterations: updates of the centres.
        seed: of the random start.

    Returns:
        ``(N,)`` int64, the nearest final centre of every sample.

    Raises:
        ValueError: ``num_clusters`` is out of its range.
    """
    if not 1 <= num_clusters <= len(samples):
        raise ValueError(
            f'num_clusters must be from 1 to the number of images, {len(samples)}, '
            f'got {num_clusters}'
        )
    generator = torch.Generator().manual_seed(seed)
    start = torch.randperm(len(samples), generator=generator)[:num_clusters]
    centres = samples[start.to(samples.device)]
    for _ in range(iterations):
        assigned, distances = _nearest_centres(samples, centres)
        sizes = torch.bincount(assigned, minlength=num_clusters)
        sums = torch.zeros_like(centres).index_add_(0, assigned, samples)
        centres = sums / sizes.clamp(min=1).unsqueeze(1)
        empty = (sizes == 0).nonzero().squeeze(1)
        if len(empty):
            centres[empty] = samples[distances.topk(len(empty)).indices]
    return _nearest_centres(samples, centres)[0]


def _nearest_centres(
    samples: torch.Tensor, centres: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Index of every sample's nearest centre, and its squared distance."""
    half_norms = centres.square().sum(dim=1) / 2
    indices, scores = [], []
    for chunk in samples.split(max(1, _DISTANCE_BLOCK // len(centres))):
        # |x - c|^2 = |x|^2 + 2 (|c|^2 / 2 - x c): the bracket decides.
        score, index = torch.addmm(half_norms, chunk, centres.T, alpha=-1).min(dim=1)
        indices.append(index)
        scores.append(score)
    distances = samples.square().sum(dim=1) + 2 * torch.cat(scores)
    return torch.cat(indices), distances


def normalized_mutual_information(classes: np.ndarray, clusters: np.ndarray) -> float:
    """Mutual information over the arithmetic mean of the entropies.

    Args:
        classes: ``(N,)`` labels.
        clusters: ``(N,)`` labels.

    Returns:
        From 0 to 1; 1 if both labellings consist of a single group.
    """
    _, classes = np.unique(classes, return_inverse=True)
    _, clusters = np.unique(clusters, return_inverse=True)
    joint = _entropy(classes * (clusters.max() + 1) + clusters)
    of_classes, of_clusters = _entropy(classes), _entropy(clusters)
    mean = (of_classes + of_clusters) / 2
    if mean == 0:
        return 1.0
    return float(np.clip((of_classes + of_clusters - joint) / mean, 0.0, 1.0))


def _entropy(labels: np.ndarray) -> float:
    counts = np.unique(labels, return_counts=True)[1]
    share = counts / counts.sum()
    return float(-(share * np.log(share)).sum())
