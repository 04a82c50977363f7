"""Clusters of embeddings, found at once or extended."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from msvitreid.errors import ConfigError, DatasetError
from msvitreid.utils.checks import is_number, require_whole
from msvitreid.utils.printable import printable

from .merging import NONE, Groups
from .neighbors import Pairs, similar_pairs

METHODS = ('components', 'dbscan', 'hdbscan')

#: How far the length of an embedding may be from 1.
TOLERANCE = 1e-2

#: MiB of distances that scikit-learn holds at once.
WORKING_MEMORY = 64


@dataclass(frozen=True, eq=False)
class Clusters:
    """Which of ``N`` images belong together.

    Attributes:
        labels: ``(N,)`` int64 from 0 on, numbered by the first image of each; an image alone is
            a cluster of its own.
        embeddings: ``(N, D)`` float32 of unit length.
        threshold: smallest similarity by which images were joined.
        method: by which.
        k_reciprocal: neighbors of an image that were looked at.
        tracklets, frames: of each image, as they were given.
        refused: how often similar images stayed apart because of a constraint.
    """

    labels: np.ndarray
    embeddings: np.ndarray
    threshold: float
    method: str
    k_reciprocal: int
    tracklets: tuple[Hashable | None, ...]
    frames: tuple[Hashable | None, ...]
    refused: int = 0

    def __len__(self) -> int:
        """The number of clusters."""
        return len(np.unique(self.labels))

    @property
    def sizes(self) -> dict[int, int]:
        """Images of each cluster by label, the largest cluster first."""
        labels, counts = np.unique(self.labels, return_counts=True)
        order = np.argsort(-counts, kind='stable')
        return dict(zip(labels[order].tolist(), counts[order].tolist(), strict=True))


def cluster(
    embeddings: Any,
    threshold: float,
    *,
    method: str = 'components',
    k_reciprocal: int = 6,
    min_samples: int = 2,
    tracklets: Iterable[Hashable | None] | None = None,
    frames: Iterable[Hashable | None] | None = None,
    names: Sequence[str] | None = None,
    progress: Callable[[float], None] | None = None,
) -> Clusters:
    """Put images of the same identity together, without labels.

    ``components`` joins pairs that are similar enough and among each other's nearest images
    (k-reciprocal neighbors), the most similar first; clusters are what hangs together.
    ``dbscan`` is scikit-learn's, on cosine distances up to ``1 - threshold``. ``hdbscan`` is
    scikit-learn's, which knows no threshold, on the lengths of chords between embeddings,
    ``sqrt(2 - 2 * similarity)``; of the pairs above, those within one of its clusters are
    joined, or all if it finds none. What these two call noise stays alone.

    Images of one tracklet are in one cluster, whatever their similarity; two images of one
    frame never are: a union that would bring them together is refused, so the more similar
    pair is the one that is joined. The same input gives the same clusters.

    Args:
        embeddings: ``(N, D)`` array or tensor of unit length.
        threshold: smallest similarity of images that are joined, such as
            ``CalibrationCard.threshold(fmr)``.
        method: one of :data:`METHODS`.
        k_reciprocal: how many neighbors of an image are looked at. Few of them break the chains
            by which two identities become one; 3 break identities apart.
        min_samples: images, itself included, that a core image of ``dbscan`` has near it.
        tracklets: of each image what names its tracklet, or None. Numbers that start again in
            every video must be combined with its name: ``('cam1', 7)``.
        frames: of each image what names its frame, or None, in the same way.
        names: of the images, for errors.
        progress: is called with the share of the images whose neighbors are found.

    Raises:
        ConfigError: an option has no such value.
        DatasetError: an embedding is not finite or of unit length, the constraints are not one
            for each image, or they contradict each other: a tracklet has two images in a frame.
    """
    unit = _unit_rows(embeddings, 'embeddings')
    _check_options(threshold, method, k_reciprocal, min_samples)
    of_tracklet = _column(tracklets, len(unit), 'tracklets')
    of_frame = _column(frames, len(unit), 'frames')
    groups = Groups(of_frame, np.full(len(unit), NONE), names)
    _require_tracklets(groups, of_tracklet)
    pairs = similar_pairs(unit, threshold, k_reciprocal, progress=progress)
    if method == 'components':
        groups.merge(pairs)
    elif method == 'hdbscan':
        groups.merge(pairs, _hdbscan(unit))
    else:
        base = _dbscan(unit, threshold, min_samples)
        groups.merge(pairs, base)
        _join_rest(groups, base)
    return Clusters(
        groups.labels(),
        unit,
        float(threshold),
        method,
        int(k_reciprocal),
        of_tracklet,
        of_frame,
        groups.refused,
    )


def assign(
    clusters: Clusters,
    new_embeddings: Any,
    *,
    tracklets: Iterable[Hashable | None] | None = None,
    frames: Iterable[Hashable | None] | None = None,
    names: Sequence[str] | None = None,
    label_names: Sequence[str] | None = None,
) -> Clusters:
    """Extend clusters by new images, which join one or start new ones.

    Labels that exist do not change, so two clusters never become one. New images are joined
    as by ``method='components'``, with the threshold and the number of neighbors of
    ``clusters``, and with the constraints of all images.

    Args:
        clusters: what there is.
        new_embeddings: ``(M, D)`` of unit length.
        tracklets, frames: of the new images, see :func:`cluster`.
        names: of all ``N + M`` images, for errors.
        label_names: of the clusters there are, by label, for errors.

    Returns:
        Clusters of all images, the new ones last.

    Raises:
        DatasetError: see :func:`cluster`; or a tracklet spans two clusters.
    """
    new = _unit_rows(new_embeddings, 'new_embeddings')
    if new.shape[1] != clusters.embeddings.shape[1]:
        raise DatasetError(
            f'new_embeddings have {new.shape[1]} columns, the clusters '
            f'{clusters.embeddings.shape[1]}; embed both with the same model'
        )
    of_tracklet = clusters.tracklets + _column(tracklets, len(new), 'tracklets')
    of_frame = clusters.frames + _column(frames, len(new), 'frames')
    unit = np.concatenate([clusters.embeddings, new])
    fixed = np.concatenate([clusters.labels, np.full(len(new), NONE)])
    groups = Groups(of_frame, fixed, names, label_names)
    # In one pass: there may be nearly as many clusters as images.
    order = np.argsort(clusters.labels, kind='stable')
    labels, starts = np.unique(clusters.labels[order], return_index=True)
    parts = np.split(order, starts[1:])
    for label, members in zip(labels.tolist(), parts, strict=False):
        groups.require(members.tolist(), f'the cluster {groups.label_name(label)}')
    _require_tracklets(groups, of_tracklet)
    pairs = similar_pairs(unit, clusters.threshold, clusters.k_reciprocal)
    # Left is below right: these are pairs with a new image.
    with_new = pairs.right >= len(clusters.labels)
    groups.merge(Pairs(*(part[with_new] for part in pairs)))
    return Clusters(
        groups.labels(),
        unit,
        clusters.threshold,
        clusters.method,
        clusters.k_reciprocal,
        of_tracklet,
        of_frame,
        groups.refused,
    )


def _dbscan(unit: np.ndarray, threshold: float, min_samples: int) -> np.ndarray:
    from sklearn import config_context
    from sklearn.cluster import DBSCAN

    if not len(unit):
        return np.empty(0, np.int64)
    # A pair exactly at the threshold counts, whatever the subtraction rounds to.
    eps = max(1 - threshold, 0) + 1e-6
    with config_context(working_memory=WORKING_MEMORY):
        search = DBSCAN(eps=eps, min_samples=min_samples, metric='cosine', algorithm='brute')
        return search.fit_predict(unit)


def _hdbscan(unit: np.ndarray) -> np.ndarray:
    from sklearn.cluster import HDBSCAN

    if len(unit) < 2:
        return np.full(len(unit), NONE)
    # By a tree, whose distances must be a metric: a matrix of all pairs takes 8 N * N bytes.
    search = HDBSCAN(min_cluster_size=2, algorithm='kd_tree', copy=True)
    labels = search.fit_predict(unit.astype(np.float64))
    # It finds no cluster where there is one only; the threshold decides then.
    return labels if (labels != NONE).any() else np.zeros(len(unit), np.int64)


def _join_rest(groups: Groups, base: np.ndarray) -> None:
    """Unite what a method put together and no pair did, unless a constraint forbids it."""
    first: dict[int, list[int]] = {}
    for image, label in enumerate(base.tolist()):
        if label == NONE:
            continue
        parts = first.setdefault(label, [])
        if not any(groups.root(part) == groups.root(image) for part in parts) and not any(
            groups.unite(part, image) for part in parts
        ):
            parts.append(image)


def _require_tracklets(groups: Groups, tracklets: Sequence[Hashable | None]) -> None:
    members: dict[Hashable, list[int]] = {}
    for image, tracklet in enumerate(tracklets):
        if tracklet is not None:
            members.setdefault(tracklet, []).append(image)
    for tracklet, images in members.items():
        groups.require(images, f'tracklet {printable(str(tracklet), 80)}')


def _check_options(threshold: Any, method: Any, k_reciprocal: Any, min_samples: Any) -> None:
    if not is_number(threshold) or not math.isfinite(threshold) or not -1 <= threshold <= 1:
        raise ConfigError(f'threshold must be a cosine from -1 to 1, got {threshold!r}')
    if method not in METHODS:
        raise ConfigError(f'method must be one of {", ".join(METHODS)}, got {method!r}')
    require_whole('k_reciprocal', k_reciprocal, 1)
    require_whole('min_samples', min_samples, 1)


def _column(
    values: Iterable[Hashable | None] | None, count: int, name: str
) -> tuple[Hashable | None, ...]:
    """One value for each image; NaN, which equals nothing, is None."""
    if values is None:
        return (None,) * count
    is_list = isinstance(values, Iterable) and getattr(values, 'ndim', 1) == 1
    if isinstance(values, str | bytes) or not is_list:
        raise DatasetError(f'{name} must be a list of {count} values, one for each image')
    given = tuple(values.tolist() if isinstance(values, np.ndarray | torch.Tensor) else values)
    if len(given) != count:
        raise DatasetError(f'{name} are {len(given)}, but there are {count} images')
    for position, value in enumerate(given):
        try:
            hash(value)
        except TypeError as error:
            raise DatasetError(
                f'{name}[{position}] must be a number, a text or a tuple of such'
            ) from error
    return tuple(None if value != value else value for value in given)


def _unit_rows(embeddings: Any, name: str) -> np.ndarray:
    if isinstance(embeddings, torch.Tensor):
        embeddings = embeddings.detach().float().cpu().numpy()
    try:
        array = np.asarray(embeddings)
    except ValueError as error:
        raise DatasetError(f'{name} must be an array of numbers ({error})') from error
    if array.dtype.kind != 'f' or array.ndim != 2 or not array.shape[1]:
        raise DatasetError(
            f'{name} must be an array (N, D) of floats, got shape {array.shape} of {array.dtype}'
        )
    unit = np.ascontiguousarray(array, dtype=np.float32)
    if len(unit):
        lengths = np.linalg.norm(unit, axis=1)
        wrong = ~(np.abs(lengths - 1) <= TOLERANCE)
        if wrong.any():
            row = int(np.argmax(wrong))
            raise DatasetError(
                f'{name}[{row}] is not a finite vector of unit length (its length is '
                f'{lengths[row]:.3g}); divide embeddings by their length'
            )
    return unit
