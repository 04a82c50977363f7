"""Embeddings as points of a plane."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from msvitreid.datasets.readers.spellings import named
from msvitreid.errors import ConfigError, GalleryError
from msvitreid.gallery import GalleryStore

from .embedded_set import EmbeddedTestSet

METHODS = ('pca', 'tsne')
PERPLEXITY = 30
TSNE_INPUT = 50
"""Principal components that t-SNE is given, as its authors do."""


class MapPoints(NamedTuple):
    """Embeddings with what they are called.

    Attributes:
        embeddings: ``(N, D)`` float32.
        labels: ``N`` names of identities, '' where unknown.
    """

    embeddings: np.ndarray
    labels: list[str]


def project(
    embeddings: np.ndarray, method: str = 'pca', seed: int = 0
) -> tuple[np.ndarray, tuple[float, float] | None]:
    """Points of a plane, ``(N, 2)``, and with ``'pca'`` the share of variance of both axes.

    Args:
        embeddings: ``(N, D)``, at least 3.
        method: ``'pca'``, or ``'tsne'``, which shows neighborhoods and no distances.
        seed: of t-SNE.

    Raises:
        ConfigError: there is no such method, or there are fewer than 3 embeddings.
    """
    if method not in METHODS:
        raise ConfigError(f"method must be 'pca' or 'tsne', got {method!r}")
    if len(embeddings) < 3:
        raise ConfigError(f'a map needs at least 3 images, got {len(embeddings)}')
    points, shares = _principal(embeddings, 2 if method == 'pca' else TSNE_INPUT)
    if method == 'pca':
        return points, (float(shares[0]), float(shares[1]))
    from sklearn.manifold import TSNE

    perplexity = min(PERPLEXITY, (len(points) - 1) / 3)
    # The principal components come in float64 and are as large as the embeddings.
    tsne = TSNE(2, perplexity=perplexity, init='pca', random_state=seed)
    return tsne.fit_transform(points), None


def sample(points: MapPoints, most: int, seed: int = 0) -> MapPoints:
    """At most so many points, drawn at random, in their order."""
    if len(points.labels) <= most:
        return points
    chosen = np.sort(np.random.default_rng(seed).permutation(len(points.labels))[:most])
    return MapPoints(points.embeddings[chosen], [points.labels[i] for i in chosen])


def points_of_test_set(images: EmbeddedTestSet) -> MapPoints:
    """All images of a test set; junk has no label."""
    labels = [images.names.full_pid(pid) if pid >= 0 else '' for pid in images.pids.tolist()]
    return MapPoints(images.embeddings, labels)


def points_of_gallery(gallery: GalleryStore) -> MapPoints:
    """All images of a gallery, with the column ``pid`` of their metadata as labels.

    Raises:
        GalleryError: it is empty or damaged.
    """
    items = [item for batch in gallery.scan() for item in batch]
    if not items:
        raise GalleryError('the gallery is empty; add images first')
    items.sort(key=lambda item: item.id)
    labels = [named(item.metadata.get('pid')) for item in items]
    return MapPoints(np.stack([np.asarray(item.embedding) for item in items]), labels)


def _principal(embeddings: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Principal components ``(N, count)``, float64, and their shares of the variance."""
    centered = embeddings.astype(np.float64) - embeddings.mean(axis=0, dtype=np.float64)
    left, scales, right = np.linalg.svd(centered, full_matrices=False)
    # The sign of an axis is arbitrary: its largest loading is positive.
    signs = np.sign(right[np.arange(len(right)), np.abs(right).argmax(axis=1)])
    points = (left * scales * signs)[:, :count]
    points = np.pad(points, ((0, 0), (0, max(0, count - points.shape[1]))))
    shares = np.square(scales) / max(np.square(scales).sum(), 1e-30)
    return points, np.pad(shares, (0, max(0, count - len(shares))))[:count]
