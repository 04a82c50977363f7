from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from msvitreid.apis.tested_net import open_tested
from msvitreid.datasets.readers.id_names import IdNames
from msvitreid.errors import ConfigError, DatasetError
from msvitreid.evaluation.functional import rank_metrics
from msvitreid.evaluation.metrics import searched


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
    if images.labels.datasets.any():
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
