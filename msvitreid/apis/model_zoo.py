"""Configs that travel with the package, and nets built from them."""

from __future__ import annotations

import fnmatch
import os

from mmengine.config import Config
from mmengine.fileio import load
from torch import nn

from msvitreid.checkpoints import extract_state_dict, fill_model, read_checkpoint
from msvitreid.engine.config.initial_weights import without_initial_weights
from msvitreid.engine.config.pipelines import resolved
from msvitreid.engine.config.reading import load_config
from msvitreid.registry import MODELS
from msvitreid.utils.config_files import PACKAGE_DATA, config_names, find_config


def list_configs(pattern: str = '*') -> list[str]:
    """Names of the configs that match a shell pattern, e.g. ``'msvit-s_*'``."""
    return fnmatch.filter(sorted(config_names()), pattern)


def list_models(pattern: str = '*') -> list[str]:
    """Names of the model zoo's nets that match a shell pattern, e.g. ``'bot-r50_*'``.

    The zoo is ``model-index.yml``: nets for real datasets, each with the config of its name.
    Configs that only show how a part is exchanged, or the demo, are :func:`list_configs`' alone.
    """
    index = load(PACKAGE_DATA / 'model-index.yml')
    entries = [
        entry for file in index['Import'] for entry in load(PACKAGE_DATA / file)['Models']
    ]
    return fnmatch.filter(sorted(entry['Name'] for entry in entries), pattern)


def get_config(name: str | os.PathLike[str]) -> Config:
    """A config by the path of a file or by its name (see :func:`list_configs`).

    Raises:
        ConfigError: there is neither; near names are suggested.
    """
    return load_config(find_config(name))


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
