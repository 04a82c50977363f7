from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mmengine.config import Config

#: Top-level config keys that every dataset of ours takes unless it says otherwise.
SHARED_DATASET_OPTIONS = ('data_root', 'on_count_mismatch')


def complete_config(cfg: Config) -> Config:
    """Repeat what a config states once wherever a component needs it.

    The data root (and ``on_count_mismatch``) goes to every dataset, the batch size to the
    identity sampler; values already given stay. Works in place and returns ``cfg``.
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
