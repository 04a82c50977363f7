"""Values that a config states once, carried to the components that need them."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from mmengine.config import Config

from msvitreid.errors import ConfigError
from msvitreid.registry import DATA_SAMPLERS, DATASETS, FUNCTIONS
from msvitreid.registry.type_names import of_mmpretrain

from .checking import check_config
from .image_size import fill_image_size, stated_image_size
from .pipelines import fill_pipeline, prepare_on_device, resolve

LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')

#: Top-level keys for every dataset that takes them and does not state them itself.
SHARED_DATASET_OPTIONS = ('data_root', 'on_count_mismatch', 'csv')


def complete_config(cfg: Config) -> Config:
    """A copy of a config that is complete: see :func:`complete_loader`.

    References to the image size are numbers everywhere in it, in the model as well.

    Raises:
        ConfigError: a documented option has a value that it cannot have, or a sampler another
            batch size than its loader, or a reference to the image size is wrong.
    """
    check_config(cfg)
    completed = copy.deepcopy(cfg)
    resolve(completed)
    for name in LOADERS:
        if isinstance(completed.get(name), dict):
            completed[name] = complete_loader(name, completed[name], completed)
    return completed


def complete_loader(
    name: str, loader: dict[str, Any], cfg: Mapping[str, Any] | Config
) -> dict[str, Any]:
    """A copy of a data loader's config with what the whole config states once for all.

    Datasets get ``data_root``, ``on_count_mismatch`` and ``csv``, and ``train_pipeline`` or
    ``test_pipeline`` as their pipeline, with the numbers of ``image_size``; with
    ``prepare_on_device`` that of training leaves resizing, cropping and flipping to the device. A
    sampler that takes a batch size gets the loader's. Workers are kept between epochs (mmengine
    would seed new ones alike every epoch) and memory is pinned where there is a GPU. Values
    already given stay, except that without workers there are none to keep.

    Raises:
        ConfigError: the sampler is given another batch size than the loader, or a reference to
            the image size is wrong.
    """
    loader = copy.deepcopy(loader)
    fill_pipeline(name, loader, cfg)
    loader = fill_image_size(loader, stated_image_size(cfg))
    if name == 'train_dataloader' and cfg.get('prepare_on_device'):
        prepare_on_device(name, loader)
    if not of_mmpretrain(loader.get('collate_fn')):
        FUNCTIONS.component(loader.get('collate_fn'))  # mmengine passes over an unknown one
    for dataset in datasets_in(loader.get('dataset')):
        fill_shared_options(dataset, cfg)
    batch_size = loader.get('batch_size')
    if _takes_batch_size(loader.get('sampler')):
        sampler = loader['sampler']
        if sampler.setdefault('batch_size', batch_size) != batch_size:
            raise ConfigError(
                f'{name}.sampler.batch_size is {sampler["batch_size"]} but {name}.batch_size is '
                f'{batch_size}; leave out the former'
            )
    loader.setdefault('pin_memory', torch.cuda.is_available())
    has_workers = (loader.get('num_workers') or 0) > 0
    loader['persistent_workers'] = has_workers and loader.get('persistent_workers', True)
    return loader


def fill_shared_options(dataset: dict[str, Any], cfg: Mapping[str, Any] | Config) -> None:
    """Give a dataset's config what the whole config states once, where it takes and lacks it."""
    for key in _shared_options(dataset):
        if key in cfg:
            dataset.setdefault(key, cfg[key])


def repeat_option(cfg: Config, key: str, value: Any) -> None:
    """Before ``key`` of ``cfg`` is set: set what repeats its value there as well.

    A config may repeat the data root for each dataset, as mmengine's runner needs it and as
    configs are that earlier versions of this package have written.
    """
    for name in LOADERS:
        loader = cfg.get(name)
        if not isinstance(loader, dict):
            continue
        if key in SHARED_DATASET_OPTIONS:
            repeating, old = list(datasets_in(loader.get('dataset'))), cfg.get(key)
        elif key == f'{name}.batch_size' and isinstance(loader.get('sampler'), dict):
            repeating, old = [loader['sampler']], loader.get('batch_size')
        else:
            continue
        last = key.rpartition('.')[2]
        for node in repeating:
            if last in node and node[last] == old:
                node[last] = value


def datasets_in(node: Any) -> Iterator[dict[str, Any]]:
    """The configs of datasets, those in wrappers included."""
    if not isinstance(node, dict):
        return
    inner = [node['dataset']] if 'dataset' in node else node.get('datasets')
    if inner:
        for child in inner:
            yield from datasets_in(child)
    else:
        yield node


def _shared_options(dataset: Mapping[str, Any]) -> tuple[str, ...]:
    if of_mmpretrain(dataset):
        return SHARED_DATASET_OPTIONS[:1]
    taken = DATASETS.parameters(dataset)
    return tuple(key for key in SHARED_DATASET_OPTIONS if key in taken)


def _takes_batch_size(sampler: Any) -> bool:
    """Whether a sampler's config is of one that makes whole batches, such as ours."""
    return not of_mmpretrain(sampler) and 'batch_size' in DATA_SAMPLERS.parameters(sampler)
