"""Clusters of the images of a gallery."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from msvitreid.datasets.readers.spellings import named
from msvitreid.errors import ConfigError, DatasetError
from msvitreid.evaluation.functional import clustering_metrics
from msvitreid.gallery import GalleryStore
from msvitreid.utils.near_names import did_you_mean
from msvitreid.utils.printable import printable

from .clusters import Clusters, assign, cluster
from .labels_file import list_path

CAMERA = 'camera'


@dataclass(frozen=True, eq=False)
class GalleryClusters:
    """Clusters of a gallery's images, in the order of :meth:`GalleryStore.scan`.

    Attributes:
        clusters: with a label for each image.
        ids: of the images.
        metadata: of the images.
        pids: names of their clusters: the labels, or those of a previous list.
        cameras: names of their cameras, '' where it is not known.
        figures: see :func:`clustering_metrics`, with the number of ``labelled`` images; empty
            if the gallery has no labels.
        lost: paths of the previous list that the gallery does not have.
    """

    clusters: Clusters
    ids: list[str]
    metadata: list[dict[str, Any]]
    pids: list[str]
    cameras: list[str]
    figures: dict[str, float]
    lost: list[str]


def cluster_gallery(
    gallery: GalleryStore,
    threshold: float,
    *,
    previous: Mapping[str, str] | None = None,
    tracklet_column: str | None = None,
    frame_column: str | None = None,
    label_column: str | None = None,
    **options: Any,
) -> GalleryClusters:
    """Cluster the images of a gallery.

    Args:
        gallery: whose metadata may have the columns ``camera``, ``tracklet``, ``frame`` and
            ``pid``. Tracklets and frames are those of their camera; values that stand for
            nothing, such as ``nan`` or -1, are none.
        threshold: see :func:`cluster`.
        previous: name of the cluster by path, of :func:`labels_file.read_list`: these images
            keep their clusters, others are assigned as by :func:`assign`.
        tracklet_column, frame_column, label_column: names of the columns; by default the names
            above, if the gallery has them. Labels only measure the clusters.
        **options: others of :func:`cluster`; with ``previous`` only ``k_reciprocal``.

    Raises:
        ConfigError: an option has no such value, or no image has a column that was named.
        DatasetError: the constraints contradict each other, or a value of a column cannot be used.
        GalleryError: the gallery is damaged.
    """
    items = sorted((item for batch in gallery.scan() for item in batch), key=lambda x: x.id)
    ids, metadata = [item.id for item in items], [item.metadata for item in items]
    embeddings = np.zeros((len(items), gallery.dimension), np.float32)
    for row, item in enumerate(items):
        embeddings[row] = item.embedding
    columns = sorted({name for one in metadata for name in one})
    tracklets = _per_camera(items, _chosen(tracklet_column, 'tracklet', columns))
    frames = _per_camera(items, _chosen(frame_column, 'frame', columns))
    lost: list[str] = []
    if previous is None:
        found = cluster(
            embeddings, threshold, tracklets=tracklets, frames=frames, names=ids, **options
        )
        pids = [str(label) for label in found.labels.tolist()]
    else:
        found, pids, lost = _extended(
            ids, embeddings, threshold, previous, tracklets, frames, options
        )
    cameras = [_name(one, CAMERA) for one in metadata]
    figures = _figures(found.labels, metadata, _chosen(label_column, 'pid', columns))
    return GalleryClusters(found, ids, metadata, pids, cameras, figures, lost)


def _extended(
    ids: list[str],
    embeddings: np.ndarray,
    threshold: float,
    previous: Mapping[str, str],
    tracklets: list[Hashable | None],
    frames: list[Hashable | None],
    options: dict[str, Any],
) -> tuple[Clusters, list[str], list[str]]:
    """Clusters with the labels of ``previous``, their names, and what the gallery lacks."""
    method = options.pop('method', 'components')
    if method != 'components':
        raise ConfigError(
            f"with previous clusters the method is 'components', got {method!r}; leave it out"
        )
    paths = [list_path(id_) for id_ in ids]
    old = [row for row, path in enumerate(paths) if path in previous]
    new = [row for row, path in enumerate(paths) if path not in previous]
    names = list(dict.fromkeys(previous[paths[row]] for row in old))
    numbers = {name: number for number, name in enumerate(names)}
    # The options are checked where nothing is clustered.
    empty = cluster(embeddings[:0], threshold, **options)
    start = Clusters(
        np.array([numbers[previous[paths[row]]] for row in old], np.int64),
        embeddings[old],
        empty.threshold,
        empty.method,
        empty.k_reciprocal,
        tuple(tracklets[row] for row in old),
        tuple(frames[row] for row in old),
    )
    order = np.array(old + new, np.int64)
    both = assign(
        start,
        embeddings[new],
        tracklets=[tracklets[row] for row in new],
        frames=[frames[row] for row in new],
        names=[ids[row] for row in order],
        label_names=names,
    )
    # New names are numbers above all that were used, those of lost images too.
    used = [int(name) for name in previous.values() if name.isdecimal() and len(name) < 19]
    next_number = max(used, default=-1) + 1
    count = int(both.labels.max(initial=-1)) + 1
    names += [str(next_number + i) for i in range(count - len(names))]
    labels = np.empty_like(both.labels)
    labels[order] = both.labels
    found = Clusters(
        labels,
        embeddings,
        both.threshold,
        both.method,
        both.k_reciprocal,
        tuple(tracklets),
        tuple(frames),
        both.refused,
    )
    lost = sorted(set(previous) - set(paths))
    return found, [names[label] for label in labels.tolist()], lost


def _chosen(name: str | None, standard: str, columns: Sequence[str]) -> str | None:
    if name is None:
        return standard if standard in columns else None
    if name not in columns:
        known = f'; there is {printable(", ".join(columns))}' if columns else ''
        raise ConfigError(
            f'no image of the gallery has the column {printable(name)!r}'
            f'{did_you_mean(name, columns)}{known}'
        )
    return name


def _per_camera(items: Sequence[Any], column: str | None) -> list[Hashable | None]:
    values: list[Hashable | None] = []
    for item in items:
        value = None if column is None else item.metadata.get(column)
        if isinstance(value, (list, dict)):
            raise DatasetError(
                f'the column {column!r} of {printable(item.id)!r} must be a number or a text, '
                f'got {value!r:.80}'
            )
        name, camera = _name(item.metadata, column), _name(item.metadata, CAMERA)
        values.append(f'{name} of camera {camera}' if name and camera else name or None)
    return values


def _name(metadata: Mapping[str, Any], column: str | None) -> str:
    """What a column names, '' for nothing."""
    return '' if column is None else named(metadata.get(column))


def _figures(
    labels: np.ndarray, metadata: Sequence[Mapping[str, Any]], column: str | None
) -> dict[str, float]:
    given = [_name(one, column) for one in metadata]
    rows = np.array([name != '' for name in given], bool)
    if not rows.any():
        return {}
    _, classes = np.unique(np.array(given, dtype=object)[rows].astype(str), return_inverse=True)
    return {'labelled': int(rows.sum()), **clustering_metrics(classes, labels[rows])}
