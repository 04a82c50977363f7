from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from msvitreid.apis.inferencer import ReIDInferencer
from msvitreid.checkpoints.model_file import is_model_file
from msvitreid.datasets.readers.id_names import IdNames
from msvitreid.engine import complete_config, load_config, require_sections
from msvitreid.errors import ConfigError, DatasetError
from msvitreid.evaluation.functional import rank_metrics
from msvitreid.registry import DATASETS
from msvitreid.utils.config_files import find_config


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

    @property
    def ranked(self) -> dict[str, Any]:
        """The arguments that the functions of ``evaluation.functional`` have in common."""
        query, gallery = self.query, self.gallery
        return {
            'query_features': self.embeddings[query],
            'gallery_features': self.embeddings[gallery],
            'query_pids': self.pids[query],
            'gallery_pids': self.pids[gallery],
            'query_camids': self.camids[query],
            'gallery_camids': self.camids[gallery],
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
    path = find_config(config)
    stated = load_config(path, dict(options or {}))
    require_sections(stated, 'model', 'test_dataloader')
    if is_model_file(checkpoint):
        inferencer = ReIDInferencer(checkpoint, device=device)
    else:
        inferencer = ReIDInferencer(stated, checkpoint, device=device)
    cfg = complete_config(stated)
    dataset = DATASETS.build(cfg.test_dataloader.dataset)
    entries = [dataset.get_data_info(index) for index in range(len(dataset))]
    if len({entry.get('dataset') for entry in entries}) > 1:
        raise ConfigError(
            f'{config!r} is tested on several test sets; set test_dataloader.dataset to one'
        )
    evaluator = cfg.get('test_evaluator')
    evaluator = evaluator if isinstance(evaluator, Mapping) else {}
    # An image may be query and gallery; it is embedded once.
    paths = list(dict.fromkeys(entry['img_path'] for entry in entries))
    row = {name: index for index, name in enumerate(paths)}
    rows = np.array([row[entry['img_path']] for entry in entries])
    is_query = np.array([entry['split'] == 'query' for entry in entries])
    if not is_query.any():
        raise DatasetError(f'{config!r}: the test set has no images of split "query"')
    pids, camids = np.zeros((2, len(paths)), np.int64)
    pids[rows] = [entry['pid'] for entry in entries]
    camids[rows] = [entry['camid'] for entry in entries]
    query, gallery = rows[is_query], rows[~is_query]
    if not len(gallery) or evaluator.get('self_retrieval'):
        gallery, self_index = np.arange(len(paths)), query
    else:
        self_index = np.full(len(query), -1)
    return EmbeddedTestSet(
        f'{Path(path).stem}, {_short(checkpoint)}',
        inferencer(paths),
        paths,
        pids,
        camids,
        query,
        gallery,
        self_index,
        evaluator.get('ap', 'trapezoid'),
        dataset.id_names,
    )


def _short(checkpoint: str) -> str:
    """The file with its folder, as all runs call it ``averaged.pth``."""
    return '/'.join(Path(checkpoint).parts[-2:])
