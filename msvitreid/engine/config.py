from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from mmengine.config import Config

from msvitreid.errors import ConfigError

#: Top-level config keys that every dataset of ours takes unless it says otherwise.
SHARED_DATASET_OPTIONS = ('data_root', 'on_count_mismatch')


def load_config(path: str | os.PathLike, options: Mapping[str, Any] | None = None) -> Config:
    """Read a config file and override it with dotted ``options``.

    A Python config is code and runs: load only files you trust.

    Raises:
        ConfigError: the file is missing or cannot be parsed, or an option cannot be set.
    """
    if not os.path.isfile(path):
        raise ConfigError(f'config {str(path)!r} does not exist')
    try:
        cfg = Config.fromfile(path)
    except FileNotFoundError as error:
        raise ConfigError(
            f'config {str(path)!r} names a base that is missing: {error}'
        ) from error
    except Exception as error:
        # A config is code and may raise anything.
        raise ConfigError(f'config {str(path)!r} cannot be read: {error}') from error
    try:
        cfg.merge_from_dict(dict(options or {}))
    except (KeyError, TypeError, AttributeError) as error:
        raise ConfigError(
            f'an option of --cfg-options {dict(options or {})} cannot be set: {error}'
        ) from error
    return cfg


def complete_config(cfg: Config) -> Config:
    """Repeat what a config states once wherever a component needs it.

    The data root (and ``on_count_mismatch``) goes to every dataset, the batch size to the
    identity sampler. Loaders with workers keep them between epochs (mmengine would seed new
    ones alike every epoch) and pin memory where there is a GPU. Values already given stay.
    Works in place and returns ``cfg``.
    """
    shared = {key: cfg[key] for key in SHARED_DATASET_OPTIONS if key in cfg}
    for name in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        loader = cfg.get(name)
        if not loader:
            continue
        for dataset in _datasets(loader.get('dataset')):
            for key, value in shared.items():
                dataset.setdefault(key, value)
        sampler = loader.get('sampler')
        if isinstance(sampler, dict) and sampler.get('type') == 'IdentitySampler':
            sampler.setdefault('batch_size', loader['batch_size'])
        loader.setdefault('pin_memory', torch.cuda.is_available())
        loader.setdefault('persistent_workers', loader.get('num_workers', 0) > 0)
    return cfg


def _datasets(node: Any) -> Iterator[dict]:
    """Dataset configs of our own scope, inside wrappers such as ``ConcatDataset`` too."""
    if not isinstance(node, dict):
        return
    inner = [node['dataset']] if 'dataset' in node else list(node.get('datasets', ()))
    if inner:
        for child in inner:
            yield from _datasets(child)
    elif '.' not in str(node.get('type', '')):
        yield node
