"""k-means, and how well clusters agree with the true classes.

Clustering and mutual information are scikit-learn's, imported where they are used: that takes
more than a second.
"""

from __future__ import annotations

import numpy as np
import torch

from .inputs import Array, Labels, as_features, as_labels, check_whole, require_finite


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
    two entropies. The same seed gives the same value.

    Args:
        features: ``(N, D)``.
        pids: ``(N,)`` classes.
        num_clusters: k, at most ``N``; by default the number of classes.
        iterations: Lloyd iterations.
        seed: of the random start.

    Returns:
        NMI in [0, 1].

    Raises:
        ValueError: shapes disagree, a feature or its squared length is not finite, there are
            fewer images than clusters, or a number is out of its range.
    """
    samples = as_features(features, 'features')
    classes = as_labels(pids, len(samples), 'pids')
    if num_clusters is None:
        num_clusters = len(np.unique(classes))
    clusters = kmeans(samples, num_clusters, iterations, seed)
    return normalized_mutual_information(classes, clusters)


def kmeans(
    samples: Array, num_clusters: int, iterations: int = 20, seed: int = 0
) -> torch.Tensor:
    """Lloyd's k-means from ``num_clusters`` distinct random samples.

    A cluster that runs empty restarts at a sample that lies farthest from its
    own center.

    Args:
        samples: ``(N, D)``.
        num_clusters: from 1 to ``N``.
        iterations: updates of the centers, at least 1; fewer are made where nothing changes.
        seed: of the random start.

    Returns:
        ``(N,)`` int64 on the CPU, the nearest final center of every sample.

    Raises:
        ValueError: a number is out of its range, or a sample or its squared length is not
            finite.
    """
    from sklearn.cluster import KMeans

    samples = as_features(samples, 'samples').cpu()
    check_whole(num_clusters, 1, 'num_clusters')
    check_whole(iterations, 1, 'iterations')
    check_whole(seed, 0, 'seed', 2**63 - 1)
    if num_clusters > len(samples):
        raise ValueError(
            f'num_clusters must be from 1 to the number of images, {len(samples)}, '
            f'got {num_clusters}'
        )
    # The sum bounds all that is summed below: norms, distances and the inertia.
    total = samples.square().sum(dtype=torch.float32)
    require_finite(total, 'the sum of squared feature lengths (normalize the features)')
    generator = torch.Generator().manual_seed(int(seed))
    start = torch.randperm(len(samples), generator=generator)[:num_clusters]
    search = KMeans(
        num_clusters,
        init=samples[start].numpy(),
        n_init=1,
        max_iter=iterations,
        tol=0,
        algorithm='lloyd',
    )
    return torch.from_numpy(search.fit_predict(samples.numpy())).long()


def normalized_mutual_information(classes: Labels, clusters: Labels) -> float:
    """Mutual information over the arithmetic mean of the entropies.

    Args:
        classes: ``(N,)`` labels.
        clusters: ``(N,)`` labels.

    Returns:
        From 0 to 1; 1 if both labelings consist of a single group.

    Raises:
        ValueError: there is no label, or not one of each for every image.
    """
    from sklearn.metrics import normalized_mutual_info_score

    return float(np.clip(normalized_mutual_info_score(*_labelings(classes, clusters)), 0, 1))


def adjusted_mutual_information(classes: Labels, clusters: Labels) -> float:
    """Mutual information adjusted for chance, over the arithmetic mean of the entropies.

    NMI of random clusters grows with their number; this is 0 on average for random clusters of
    any number (Vinh, Epps and Bailey, JMLR 2010).

    Args:
        classes: ``(N,)`` labels.
        clusters: ``(N,)`` labels.

    Returns:
        1 for equal labelings, about 0 for independent ones, and possibly below.

    Raises:
        ValueError: there is no label, or not one of each for every image.
    """
    from sklearn.metrics import adjusted_mutual_info_score

    left, right = _labelings(classes, clusters)
    if (
        len({*zip(left.tolist(), right.tolist(), strict=True)})
        == len({*left.tolist()})
        == len({*right.tolist()})
    ):
        return 1.0  # scikit-learn 1.4 says 0 where every label is there once
    return float(adjusted_mutual_info_score(left, right))


def clustering_metrics(classes: Labels, clusters: Labels) -> dict[str, float]:
    """How well clusters of any number and size agree with the classes.

    B-cubed (Bagga and Baldwin, 1998) averages over images: of an image's own cluster, itself
    included, the share that is of its class (precision), and of its class the share that is
    in its cluster (recall). Pairwise figures count pairs of two images: of the pairs in one
    cluster the share in one class, and the reverse; no pair at all counts as 1, because no
    wrong one was made. F is the harmonic mean of the two, 0 if both are 0.

    Args:
        classes: ``(N,)`` true labels.
        clusters: ``(N,)`` labels; an image alone is a cluster with a label of its own.

    Returns:
        ``b3-precision``, ``b3-recall``, ``b3-F``, ``pair-precision``, ``pair-recall`` and
        ``pair-F`` in [0, 1], ``AMI``, and the numbers of ``clusters`` and ``classes``.

    Raises:
        ValueError: there is no label, or not one of each for every image.
    """
    labelings = _labelings(classes, clusters)
    of_class, of_cluster, of_both = (
        np.unique(labels, axis=0, return_inverse=True, return_counts=True)[1:]
        for labels in (*labelings, np.stack(labelings, axis=1))
    )
    # Sizes of each image's class, cluster and their intersection.
    in_class, in_cluster, in_both = (
        counts[inverse.reshape(-1)] for inverse, counts in (of_class, of_cluster, of_both)
    )
    joined, true, right = (
        int((counts * (counts - 1) // 2).sum()) for _, counts in (of_cluster, of_class, of_both)
    )
    b3 = float((in_both / in_cluster).mean()), float((in_both / in_class).mean())
    pair = right / joined if joined else 1.0, right / true if true else 1.0
    figures: dict[str, float] = {}
    for name, (precision, recall) in (('b3', b3), ('pair', pair)):
        figures[f'{name}-precision'], figures[f'{name}-recall'] = precision, recall
        total = precision + recall
        figures[f'{name}-F'] = 2 * precision * recall / total if total else 0.0
    figures['AMI'] = adjusted_mutual_information(*labelings)
    figures['clusters'], figures['classes'] = len(of_cluster[1]), len(of_class[1])
    return figures


def _labelings(classes: Labels, clusters: Labels) -> tuple[np.ndarray, np.ndarray]:
    classes = as_labels(classes, None, 'classes')
    if not len(classes):
        raise ValueError('classes holds no label')
    return classes, as_labels(clusters, len(classes), 'clusters')
