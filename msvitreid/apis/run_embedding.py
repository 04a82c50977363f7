"""The test set of a finished run, embedded by the net that the run left."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmengine.runner import Runner

from msvitreid.checkpoints import digest, extract_state_dict, read_checkpoint
from msvitreid.checkpoints.checkpoint_names import saved_checkpoints
from msvitreid.datasets.base import ReIDDataset, innermost
from msvitreid.datasets.listing_digest import listing_digest
from msvitreid.engine import complete_config, describe_model, load_config, require_sections
from msvitreid.errors import ConfigError
from msvitreid.evaluation.metrics.embedding_metric import EmbeddingMetric
from msvitreid.registry import METRICS

from .embedding import EmbeddedImages, embed_dataset
from .inferencer import chosen_device


@dataclass(frozen=True)
class EmbeddedRun:
    """What a run's net makes of its test set, and what the two are.

    Attributes:
        images: by split, as of :func:`embed_dataset`.
        dataset: the test set; its pipeline is not needed any more.
        digest: of what the dataset lists, see :func:`listing_digest`.
        metric: the config's evaluator.
        config: the file that the run left.
        checkpoint: the file that was tested.
        sha256: of the checkpoint.
        fingerprint: of the model.
    """

    images: dict[str, EmbeddedImages]
    dataset: ReIDDataset
    digest: dict[str, str]
    metric: EmbeddingMetric
    config: Path
    checkpoint: Path
    sha256: str
    fingerprint: str


def embed_run(
    folder: Path,
    device: str = 'auto',
    batch_size: int | None = None,
    options: Mapping[str, Any] | None = None,
    progress: bool = True,
) -> EmbeddedRun:
    """Embed the test set of a run's config by the run's result. Nothing is written.

    The result is the averaged net; without one, the best that was saved; else the last.

    Args:
        folder: a work directory of ``msvitreid train``.
        device: ``'auto'``, ``'cpu'`` or ``'cuda:0'``.
        batch_size: images computed together; by default as the config tests.
        options: as of ``--cfg-options``, for the config.
        progress: whether to show a progress bar.

    Raises:
        ConfigError: the folder lacks a config or has several, the config has no test, or its
            evaluator is none of ours.
        CheckpointError: there is no checkpoint, or it does not fit.
        DatasetError: the test set or an image cannot be read.
    """
    file = _config_in(folder)
    cfg = load_config(file, options)
    require_sections(cfg, 'model', 'test_dataloader', 'test_evaluator')
    cfg = complete_config(cfg)
    metric = _metric(cfg, file)
    checkpoint = _result_in(folder, cfg)
    chosen = chosen_device(device)
    weights = extract_state_dict(read_checkpoint(checkpoint), checkpoint)
    model, description = describe_model(cfg, weights, checkpoint)
    if batch_size is not None:
        cfg.test_dataloader.batch_size = batch_size
    with DefaultScope.overwrite_default_scope('msvitreid'):
        loader = Runner.build_dataloader(cfg.test_dataloader)
    dataset = innermost(loader.dataset)
    return EmbeddedRun(
        embed_dataset(model.to(chosen), loader, progress),
        dataset,
        listing_digest(loader.dataset),
        metric,
        file,
        checkpoint,
        digest(checkpoint),
        description['fingerprint'],
    )


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
            f'test_evaluator of {file.name} is no single metric of embeddings, such as '
            'ReIDMetric; name a .json file of msvitreid test --out'
        )
    return metric
