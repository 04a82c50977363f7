"""A net and the test set of its config, or of a user's folder: the one way to embed test images."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config

from msvitreid.checkpoints import digest
from msvitreid.checkpoints.checkpoint_names import saved_checkpoints
from msvitreid.checkpoints.model_file import is_model_file
from msvitreid.datasets.base import ReIDDataset, innermost
from msvitreid.datasets.listing_digest import listing_digest
from msvitreid.datasets.transforms.image_preparation import ImagePreparation
from msvitreid.engine import complete_config, load_config, require_sections
from msvitreid.errors import ConfigError, DatasetError
from msvitreid.evaluation.metrics import (
    EmbeddingMetric,
    ReIDMetric,
    RetrievalMetric,
    Searched,
    searched,
    why_not_ranked,
)
from msvitreid.evaluation.metrics.embeddings import Embeddings, file_id
from msvitreid.evaluation.robustness import Ranking
from msvitreid.registry import DATASETS, METRICS
from msvitreid.utils.config_files import find_config

from .image_inputs import ImageInput
from .inferencer import ReIDInferencer

#: What a corruption is: gives another image for a decoded one and its path.
Edit = Callable[[np.ndarray, str], np.ndarray]


@dataclass(frozen=True, eq=False)
class TestSet:
    """What a net is tested on.

    Attributes:
        dataset: of the images; its pipeline is not used.
        digest: of what it lists, see :func:`listing_digest`.
        metric: gives the figures.
        paths: ``N`` files in the dataset's order.
        labels: of the same images, without features: ``(N, 0)``.
    """

    # pytest would collect it.
    __test__ = False

    dataset: ReIDDataset
    digest: dict[str, str]
    metric: EmbeddingMetric
    paths: list[str]
    labels: Embeddings

    def embedded(self, features: torch.Tensor) -> Embeddings:
        """The images with their features ``(N, D)``, as metrics take them."""
        return self.labels._replace(features=features)


@dataclass(frozen=True, eq=False)
class TestedNet:
    """A net with its test set.

    Attributes:
        inferencer: the net.
        test_set: what it is tested on.
        config: its file; ``None`` for a model file on a user's folder.
        checkpoint: the file of the weights.
        sha256: of the checkpoint.
        batch_size: images computed together.
    """

    __test__ = False

    inferencer: ReIDInferencer
    test_set: TestSet
    config: Path | None
    checkpoint: Path
    sha256: str
    batch_size: int = 32

    @property
    def name(self) -> str:
        """Config and checkpoint, with its folder, as all runs call it ``averaged.pth``."""
        parts = [] if self.config is None else [self.config.stem]
        return ', '.join([*parts, '/'.join(self.checkpoint.parts[-2:])])

    def embed(
        self,
        rows: np.ndarray | None = None,
        edit: Edit | None = None,
        progress: bool | None = None,
        workers: int | None = None,
    ) -> torch.Tensor:
        """Embed images of the test set; a file that is listed twice is embedded once.

        Args:
            rows: positions of the images, ``None`` for all.
            edit: given each decoded image and its path, the image to embed in its place.
            progress, workers: see :meth:`ReIDInferencer.embed`.

        Returns:
            ``(len(rows), D)`` float32 of length 1.

        Raises:
            DatasetError: an image cannot be read, or has no usable embedding.
        """
        paths = self.test_set.paths
        wanted = paths if rows is None else [paths[row] for row in rows]
        place = {path: index for index, path in enumerate(dict.fromkeys(wanted))}
        inferencer = self.inferencer
        if edit is not None:
            description = inferencer.description
            inferencer = copy.copy(inferencer)
            inferencer.preparation = ImagePreparation(
                description['pipeline'], description['preprocessing']['value_range'], edit
            )
        files = [ImageInput(path, path) for path in place]
        found = inferencer(files, self.batch_size, progress=progress, workers=workers)
        return torch.from_numpy(found[[place[path] for path in wanted]])


def open_tested(
    config: str | os.PathLike[str],
    checkpoint: str | os.PathLike[str],
    options: Mapping[str, Any] | None = None,
    device: str = 'auto',
    batch_size: int | None = None,
) -> TestedNet:
    """A net and the test set of its config.

    Args:
        config: its path or name.
        checkpoint: weights of its net, such as ``averaged.pth``, or a model file.
        options: as of ``--cfg-options``, for the config.
        device: see :class:`ReIDInferencer`.
        batch_size: images computed together; by default as the config tests.

    Raises:
        ConfigError: the config has no test, or its evaluator is none of ours.
        CheckpointError: the weights cannot be used.
        DatasetError: the test set cannot be read.
    """
    file = Path(find_config(os.fspath(config)))
    stated = load_config(file, dict(options or {}))
    require_sections(stated, 'model', 'test_dataloader', 'test_evaluator')
    cfg = complete_config(stated)
    metric = _metric(cfg, file)
    if is_model_file(checkpoint):
        inferencer = ReIDInferencer(checkpoint, device=device)
    else:
        inferencer = ReIDInferencer(stated, checkpoint, device=device)
    loader = cfg.test_dataloader
    return net_on_dataset(
        inferencer,
        DATASETS.build(loader.dataset),
        metric,
        Path(checkpoint),
        file,
        batch_size or loader.get('batch_size') or 32,
    )


def open_run(
    folder: Path,
    options: Mapping[str, Any] | None = None,
    device: str = 'auto',
    batch_size: int | None = None,
) -> TestedNet:
    """The net that a run left and its test set. Nothing is written.

    The net is the averaged one; without it, the best that was saved; else the last.

    Args:
        folder: a work directory of ``msvitreid train``.
        options, device, batch_size: see :func:`open_tested`.

    Raises:
        ConfigError: the folder lacks a config or a checkpoint, or has several configs; or see
            :func:`open_tested`.
    """
    file = _config_in(folder)
    checkpoint = _result_in(folder, load_config(file, dict(options or {})))
    return open_tested(file, checkpoint, options, device, batch_size)


def net_on_dataset(
    inferencer: ReIDInferencer,
    dataset: Any,
    metric: EmbeddingMetric | None,
    checkpoint: Path,
    config: Path | None = None,
    batch_size: int = 32,
) -> TestedNet:
    """A net on a dataset.

    Args:
        inferencer: the net.
        dataset: a :class:`ReIDDataset`, or a wrapper of one.
        metric: of the test; ``None`` takes :class:`ReIDMetric`, and without gallery images each
            image searches all others.
        checkpoint: the file of the weights.
        config: the file of the config, if there is one.
        batch_size: images computed together.
    """
    entries = [dataset.get_data_info(index) for index in range(len(dataset))]
    paths = [entry['img_path'] for entry in entries]
    labels = Embeddings(
        torch.empty(len(entries), 0),
        np.array([entry['pid'] for entry in entries], dtype=np.int64),
        np.array([entry['camid'] for entry in entries], dtype=np.int64),
        np.arange(len(entries)),
        np.array([entry['split'] != 'gallery' for entry in entries]),
        np.array([file_id(path) for path in paths]),
        np.array([entry.get('dataset') or '' for entry in entries]),
    )
    if metric is None:
        metric = ReIDMetric(self_retrieval=bool(labels.is_query.all()))
    images = TestSet(innermost(dataset), listing_digest(dataset), metric, paths, labels)
    return TestedNet(inferencer, images, config, checkpoint, digest(checkpoint), batch_size)


def ranking_of(net: TestedNet) -> tuple[Searched, Ranking]:
    """Who searches whom in a net's test: rows of the images, and what ranks them.

    Raises:
        ConfigError: the test ranks no fixed gallery.
        DatasetError: the test set has no query.
    """
    labels, metric = net.test_set.labels, net.test_set.metric
    if reason := why_not_ranked(metric, labels):
        raise ConfigError(f'{net.name}: {reason}; nothing can be said query by query')
    if not labels.is_query.any():
        raise DatasetError(f'{net.name}: the test set has no images of split "query"')
    found = searched(metric, labels)
    query, gallery = found.query_rows, found.gallery_rows
    cameras = labels.camids if found.has_cameras else None
    return found, Ranking(
        labels.pids[query],
        labels.pids[gallery],
        None if cameras is None else cameras[query],
        None if cameras is None else cameras[gallery],
        found.self_index,
        found.ap,
        isinstance(metric, RetrievalMetric),
    )


def without_places(net: TestedNet) -> str:
    """The config's text, with names of folders of this machine shortened."""
    if net.config is None:
        return ''
    dataset, folder = net.test_set.dataset, net.config.parent
    text = net.config.read_text(encoding='utf-8', errors='replace')
    places = {
        str(dataset.find_root()): '<data>',
        str(Path(str(dataset.data_root)).absolute()): '<data_root>',
        str(folder.resolve()): '<run>',
        str(folder.absolute()): '<run>',
        str(Path.home()): '~',
    }
    for place in sorted(places, key=len, reverse=True):
        if len(place) > 1:
            text = text.replace(place, places[place])
    return text


def _config_in(folder: Path) -> Path:
    files = sorted(folder.glob('*.py'))
    if len(files) != 1:
        names = ', '.join(file.name for file in files)
        found = f'{len(files)} configs ({names})' if files else 'no config'
        raise ConfigError(
            f'{str(folder)!r} has {found}; name a work directory of '
            'msvitreid train, with the one config that the run left there'
        )
    return files[0]


def _result_in(folder: Path, cfg: Config) -> Path:
    """The averaged, the best or the last checkpoint."""
    hooks = [hook for hook in cfg.get('custom_hooks') or () if isinstance(hook, Mapping)]
    names = [hook['filename'] for hook in hooks if isinstance(hook.get('filename'), str)]
    averaged = [folder / name for name in (*names, 'averaged.pth')]
    best = sorted(folder.glob('best_*.pth'), key=lambda path: path.stat().st_mtime)
    last = [saved.path for saved in saved_checkpoints(folder)]
    found = [path for path in averaged if path.is_file()] or best[-1:] or last[-1:]
    if not found:
        raise ConfigError(
            f'{str(folder)!r} has no checkpoint, such as averaged.pth; wait for the run to save '
            'one, or name a .json file of msvitreid test --out'
        )
    return found[0]


def _metric(cfg: Config, file: Path) -> EmbeddingMetric:
    evaluator = cfg.test_evaluator
    if isinstance(evaluator, list | tuple) and len(evaluator) == 1:
        evaluator = evaluator[0]
    metric: Any = METRICS.build(evaluator) if isinstance(evaluator, Mapping) else None
    if not isinstance(metric, EmbeddingMetric):
        raise ConfigError(
            f'test_evaluator of {file.name} is no single metric of embeddings, such as ReIDMetric'
        )
    return metric
