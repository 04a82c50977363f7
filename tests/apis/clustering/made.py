"""Embeddings of made identities, and a plain clustering to compare with."""

from __future__ import annotations

import numpy as np


def identities(count: int, images: int, noise: float, dimension: int = 16, seed: int = 0):
    """``(count * images, dimension)`` unit rows around ``count`` centers, and their labels."""
    random = np.random.default_rng(seed)
    centers = random.standard_normal((count, dimension))
    centers /= np.linalg.norm(centers, axis=1, keepdims=True)
    labels = np.repeat(np.arange(count), images)
    rows = centers[labels] + noise * random.standard_normal((len(labels), dimension))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32), labels


def plain_components(rows, threshold, k, frames=None, tracklets=None):
    """Labels by loops over all pairs: k-reciprocal, above the threshold, most similar first."""
    similarity = rows.astype(np.float64) @ rows.T.astype(np.float64)
    images = range(len(rows))
    near = [
        set(sorted((j for j in images if j != i), key=lambda j: -similarity[i, j])[:k])
        for i in images
    ]
    group = list(images)

    def unite(i, j):
        if group[i] == group[j]:
            return
        members = [m for m in images if group[m] in (group[i], group[j])]
        seen = [frames[m] for m in members if frames is not None and frames[m] is not None]
        if len(set(seen)) == len(seen):
            target = group[i]
            for member in members:
                group[member] = target

    for i in images if tracklets is not None else ():
        for j in images:
            if tracklets[i] is not None and tracklets[i] == tracklets[j]:
                unite(i, j)
    pairs = [
        (i, j)
        for i in images
        for j in images
        if i < j and similarity[i, j] >= threshold and j in near[i] and i in near[j]
    ]
    for i, j in sorted(pairs, key=lambda pair: -similarity[pair]):
        unite(i, j)
    numbers = {}
    return [numbers.setdefault(one, len(numbers)) for one in group]
