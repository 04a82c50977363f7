"""Configs that travel with the package, and nets built from them."""

from __future__ import annotations

import fnmatch
import os
from pathlib import Path

from mmengine.config import Config
from torch import nn

import msvitreid
from msvitreid.checkpoints import extract_state_dict, fill_model, read_checkpoint
from msvitreid.engine.config.initial_weights import without_initial_weights
from msvitreid.engine.config.pipelines import resolved
from msvitreid.engine.config.reading import load_config
from msvitreid.errors import ConfigError
from msvitreid.registry import MODELS
from msvitreid.utils.near_names import did_you_mean


def list_models(pattern: str = '*') -> list[str]:
    """Names of the configs whose name matches a shell pattern, e.g. ``'msvit-s_*'``."""
    return sorted(name for name in _config_files() if fnmatch.fnmatch(name, pattern))


def get_config(name: str | os.PathLike[str]) -> Config:
    """A config by its name (see :func:`list_models`) or by the path of a file.

    Raises:
        ConfigError: there is neither; near names are suggested.
    """
    files = _config_files()
    if str(name) in files:
        return load_config(files[str(name)])
    if os.path.isfile(name):
        return load_config(name)
    raise ConfigError(
        f'{str(name)!r} is neither a config name nor a file{did_you_mean(str(name), files)}'
    )


def get_model(
    config: str | os.PathLike[str] | Config, checkpoint: str | os.PathLike[str] | None = None
) -> nn.Module:
    """A net for inference: in eval mode, on the CPU, without classifiers.

    Args:
        config: a config, its name or its path.
        checkpoint: weights to fill it with, e.g. a run's ``averaged.pth``; ``None`` leaves
            PyTorch's random ones.

    Raises:
        ConfigError: see :func:`get_config`.
        CheckpointError: the file is unusable or its weights do not fit.
    """
    cfg = config if isinstance(config, Config) else get_config(config)
    model = MODELS.build(without_initial_weights(resolved(cfg).model))
    if checkpoint is not None:
        fill_model(
            model, extract_state_dict(read_checkpoint(checkpoint), checkpoint), checkpoint
        )
    return model.eval()


def _config_files() -> dict[str, Path]:
    package = Path(msvitreid.__file__).parent
    installed, checkout = package / 'configs', package.parent / 'configs'
    root = installed if installed.is_dir() else checkout
    return {
        file.stem: file
        for file in root.glob('*/*.py')
        if file.parent.name != '_base_' and file.name != '__init__.py'
    }
