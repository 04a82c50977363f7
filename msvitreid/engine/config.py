from __future__ import annotations

import inspect
import os
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from mmengine.config import Config
from mmengine.runner import Runner

from msvitreid.errors import ConfigError
from msvitreid.utils.mmpretrain import SCOPE as MMPRETRAIN
from msvitreid.utils.near_names import did_you_mean

from .option_values import check_option_values

#: Top-level config keys that every dataset of ours takes unless it says otherwise.
SHARED_DATASET_OPTIONS = ('data_root', 'on_count_mismatch')

#: Top-level keys that our runner, mmengine's and its config reader look up by themselves.
RUNNER_SECTIONS = (
    *SHARED_DATASET_OPTIONS,
    'activation_checkpointing',
    'compile',
    'custom_imports',
    'efficient_conv_bn_eval',
    'find_unused_parameters',
    'load_except',
    'model_wrapper_cfg',
    'sync_bn',
)


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
        raise ConfigError(f'config {str(path)!r}{_why_unreadable(error)}') from error
    _forget_repeated(cfg)
    for key, value in (options or {}).items():
        _check_section(cfg, key)
        try:
            cfg.merge_from_dict({key: value})
        except (KeyError, TypeError, AttributeError) as error:
            raise ConfigError(f'option {key!r} cannot be set to {value!r}: {error}') from error
    return cfg


def _why_unreadable(error: Exception) -> str:
    failed = error.__cause__
    if isinstance(error, ImportError) and isinstance(failed, ImportError):
        # Of custom_imports: mmengine's own text lists all of sys.path.
        module = str(failed).removeprefix('Failed to import ')
        return (
            f': cannot import {module!r} ({failed.__context__}); install the package or set '
            'PYTHONPATH to the folder that holds it'
        )
    return f' cannot be read: {error}'


def complete_config(cfg: Config) -> Config:
    """Repeat what a config states once wherever a component needs it.

    The data root (and ``on_count_mismatch``) goes to every dataset, the batch size to the
    identity sampler. Loaders with workers keep them between epochs (mmengine would seed new
    ones alike every epoch) and pin memory where there is a GPU. Values already given stay.
    Works in place and returns ``cfg``.

    Raises:
        ConfigError: the identity sampler is given another batch size than its loader, or a
            documented option has a value that it cannot have.
    """
    if cfg.get('sync_bn') is False:
        cfg.sync_bn = None  # whatever is not None is on to mmengine
    check_option_values(cfg)
    for name, loader in _loaders(cfg):
        for dataset in _datasets(loader.get('dataset')):
            for key, value in _shared_options(cfg, dataset).items():
                dataset.setdefault(key, value)
        sampler = _identity_sampler(loader)
        batch_size = loader.get('batch_size')
        if sampler.setdefault('batch_size', batch_size) != batch_size:
            raise ConfigError(
                f'{name}.sampler.batch_size is {sampler["batch_size"]} but {name}.batch_size is '
                f'{batch_size}; leave out the former'
            )
        loader.setdefault('pin_memory', torch.cuda.is_available())
        loader.setdefault('persistent_workers', loader.get('num_workers', 0) > 0)
    return cfg


def _forget_repeated(cfg: Config) -> None:
    """Take out again what :func:`complete_config` repeated in the config a run leaves.

    Otherwise an option such as ``data_root`` would change what it was repeated from only.
    """
    for _, loader in _loaders(cfg):
        for dataset in _datasets(loader.get('dataset')):
            for key, value in _shared_options(cfg, dataset).items():
                if dataset.get(key) == value:
                    del dataset[key]
        sampler = _identity_sampler(loader)
        if sampler.get('batch_size') == loader.get('batch_size'):
            sampler.pop('batch_size', None)
        if loader.get('persistent_workers') == (loader.get('num_workers') not in (None, 0)):
            del loader['persistent_workers']


def _loaders(cfg: Config) -> Iterator[tuple[str, dict]]:
    for name in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        if cfg.get(name):
            yield name, cfg[name]


def _identity_sampler(loader: dict) -> dict:
    """The loader's sampler if it is an identity sampler, else an empty dict."""
    sampler = loader.get('sampler')
    if isinstance(sampler, dict) and own_type(sampler) == 'IdentitySampler':
        return sampler
    return {}


def own_type(node: Mapping) -> str | None:
    """The type a config names, without our scope; ``None`` for other scopes' components."""
    scope, _, name = str(node.get('type', '')).rpartition('.')
    return name if scope in ('', 'msvitreid') else None


def _shared_options(cfg: Config, dataset: Mapping) -> dict[str, Any]:
    """What a config states once for a dataset like this; mmpretrain's take the root only."""
    keys = SHARED_DATASET_OPTIONS if own_type(dataset) is not None else ('data_root',)
    return {key: cfg[key] for key in keys if key in cfg}


def _datasets(node: Any) -> Iterator[dict]:
    """Dataset configs of our own or mmpretrain's scope, inside of wrappers too."""
    if not isinstance(node, dict):
        return
    inner = [node['dataset']] if 'dataset' in node else list(node.get('datasets', ()))
    if inner:
        for child in inner:
            yield from _datasets(child)
    elif own_type(node) is not None or str(node.get('type')).startswith(f'{MMPRETRAIN}.'):
        yield node


def _check_section(cfg: Config, key: str) -> None:
    """Refuse an option of a section that neither the config nor a runner has.

    Raises:
        ConfigError: its first part is unknown; near names are suggested.
    """
    section = key.split('.')[0]
    known = {*cfg.keys(), *inspect.signature(Runner).parameters, *RUNNER_SECTIONS}
    if section not in known:
        raise ConfigError(
            f'option {key!r} names no section of the config{did_you_mean(section, known)}'
        )
