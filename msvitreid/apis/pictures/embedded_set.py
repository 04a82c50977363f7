from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from msvitreid.apis.indexing import image_path
from msvitreid.apis.tested_net import open_tested
from msvitreid.datasets.readers.id_names import IdNames
from msvitreid.datasets.readers.spellings import named
from msvitreid.errors import ConfigError, DatasetError, GalleryError
from msvitreid.evaluation.functional import rank_metrics
from msvitreid.evaluation.metrics import searched
from msvitreid.gallery import GalleryStore


@dataclass(frozen=True, eq=False)
class EmbeddedTestSet:
    """Embedded images of a test set.

    Attributes:
        name: of the config and the checkpoint.
        embeddings: ``(N, D)`` float32 of length 1.
        paths: of the files.
        pids: ``(N,)`` identities.
        camids: ``(N,)`` cameras, -1 where unknown.
        query: ``(Q,)`` indices of the queries.
        gallery: ``(G,)`` indices of the images that are searched.
        self_index: ``(Q,)`` where each query itself is in the gallery, -1 for nowhere.
        ap: definition of average precision of the config's evaluator.
        names: what the dataset's identities and cameras are called.
        uses_cameras: whether the protocol leaves out images of the query's camera.
    """

    name: str
    embeddings: np.ndarray
    paths: list[str]
    pids: np.ndarray
    camids: np.ndarray
    query: np.ndarray
    gallery: np.ndarray
    self_index: np.ndarray
    ap: str = 'trapezoid'
    names: IdNames = field(default_factory=IdNames)
    uses_cameras: bool = True

    @property
    def ranked(self) -> dict[str, Any]:
        """The arguments that the functions of ``evaluation.functional`` have in common."""
        query, gallery = self.query, self.gallery
        return {
            'query_features': self.embeddings[query],
            'gallery_features': self.embeddings[gallery],
            'query_pids': self.pids[query],
            'gallery_pids': self.pids[gallery],
            'query_camids': self.camids[query] if self.uses_cameras else None,
            'gallery_camids': self.camids[gallery] if self.uses_cameras else None,
            'self_index': self.self_index,
        }

    def average_precisions(self, required: bool = True) -> np.ndarray:
        """``(Q,)`` float64, NaN for a query without a match.

        Raises:
            DatasetError: no query has one, and one is ``required``.
        """
        values: np.ndarray = rank_metrics(**self.ranked, ap=self.ap, per_query=True)['AP']
        if required and np.isnan(values).all():
            raise DatasetError(
                f'{self.name}: none of the {len(values)} queries has a match in the gallery by '
                'another camera; check the pids and camera ids of query and gallery'
            )
        return values


def embed_test_set(
    config: str,
    checkpoint: str,
    options: Mapping[str, Any] | None = None,
    device: str = 'auto',
) -> EmbeddedTestSet:
    """Embed the test set of a config.

    Where the set has no gallery, or the evaluator says ``self_retrieval``, every query searches
    all other images.

    Args:
        config: its path or name.
        checkpoint: weights of its net, such as ``averaged.pth``, or a model file.
        options: as of ``--cfg-options``.
        device: see :class:`ReIDInferencer`.

    Raises:
        ConfigError: the config has no single test set of images with identities.
        CheckpointError: the weights cannot be used.
        DatasetError: images are missing or cannot be read.
    """
    net = open_tested(config, checkpoint, options, device)
    images = net.test_set
    if any(images.labels.datasets):
        raise ConfigError(
            f'{config!r} is tested on several test sets; set test_dataloader.dataset to one'
        )
    if not images.labels.is_query.any():
        raise DatasetError(f'{config!r}: the test set has no images of split "query"')
    found = searched(images.metric, images.labels)
    nowhere = np.full(len(found.query_rows), -1)
    return EmbeddedTestSet(
        net.name,
        net.embed().numpy(),
        images.paths,
        images.labels.pids,
        images.labels.camids,
        found.query_rows,
        found.gallery_rows,
        nowhere if found.self_index is None else found.self_index,
        found.ap,
        images.dataset.id_names,
        found.has_cameras,
    )


def images_of_gallery(
    gallery: GalleryStore, name: str, root: str | os.PathLike[str] | None = None
) -> EmbeddedTestSet:
    """The images of a gallery, each of which searches all others.

    Images of the query's ``pid`` and ``camera`` are left out where an item has both. An item
    without a ``pid`` is of an unknown identity, whose name is ''.

    Args:
        gallery: to read; float32 copies of all embeddings are in memory.
        name: what it is called.
        root: folder that ids are relative to, if the images are not where they were when they were
            added.

    Raises:
        GalleryError: it has fewer than two images, or is damaged.
    """
    items = [item for batch in gallery.scan() for item in batch]
    if len(items) < 2:
        raise GalleryError(
            f'the gallery has {len(items)} images, and one to search with needs more'
        )
    pids = [named(item.metadata.get('pid')) for item in items]
    cameras = [named(item.metadata.get('camera')) for item in items]
    known, numbers = np.unique([one for one in pids if one], return_inverse=True)
    pid_names = dict(enumerate(known.tolist()))
    labels = np.arange(len(items)) + len(known)
    labels[[bool(one) for one in pids]] = numbers
    # Numbers of identities that nobody else has: such images match none and are no junk.
    pid_names |= {int(label): '' for label, one in zip(labels, pids, strict=True) if not one}
    camera_names, camids = np.unique(cameras, return_inverse=True)
    camids = np.where([bool(one) for one in cameras], camids, -1)
    rows = np.arange(len(items))
    return EmbeddedTestSet(
        name,
        np.stack([np.asarray(item.embedding) for item in items]),
        [image_path(item.id, item.metadata, root) or item.id for item in items],
        labels,
        camids,
        rows,
        rows,
        rows,
        names=IdNames(pid_names, dict(enumerate(camera_names.tolist()))),
    )
