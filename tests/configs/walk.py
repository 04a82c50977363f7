"""Every config there is, and options that let one run on a miniature tree within seconds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mmengine.config import Config

from .leaves import CONFIGS

SHRUNK = {
    'MSViT': {'arch': {'dims': (8, 8, 8, 8), 'blocks': (1, 2, 2, 1), 'heads': (1, 2, 2)}},
    'mmpretrain.ResNet': {'depth': 18, 'stem_channels': 8, 'base_channels': 8},
    'mmpretrain.VisionTransformer': {
        'arch': {
            'embed_dims': 16,
            'num_layers': 2,
            'num_heads': 2,
            'feedforward_channels': 16,
        },
    },
    'mmpretrain.SwinTransformer': {
        'arch': {'embed_dims': 8, 'depths': [1, 1, 1, 1], 'num_heads': [1, 1, 1, 1]},
    },
    'mmpretrain.TIMMBackbone': {'model_name': 'test_convnext'},
}
"""By the type of a backbone, what makes it small and leaves its form."""

NO_WORKERS = {f'{name}_dataloader.num_workers': 0 for name in ('train', 'val', 'test')}


def folder_of(path: Path) -> str:
    return str(path.parent.relative_to(CONFIGS))


def every_config() -> list[Path]:
    """All files but those to inherit from."""
    return sorted(
        path for path in CONFIGS.rglob('*.py') if not folder_of(path).startswith('_base_')
    )


def without_weights(cfg: Config) -> dict[str, Any]:
    """Options that keep the net of ``cfg`` from reading pre-trained weights: there are none."""
    backbone = cfg.model.backbone
    return {
        key: value
        for key, value, named in (
            ('model.pretrained', None, cfg.model.get('pretrained')),
            ('model.backbone.init_cfg', None, backbone.get('init_cfg')),
            ('model.backbone.checkpoint_path', '', backbone.get('checkpoint_path')),
            ('model.backbone.pretrained', False, backbone.get('pretrained')),
        )
        if named
    }


def small_options(cfg: Config) -> dict[str, Any]:
    """Options for one epoch of a small net with 4 images a step."""
    changes: dict[str, Any] = {
        **NO_WORKERS,
        **without_weights(cfg),
        'train_dataloader.batch_size': 4,
        'train_cfg.max_epochs': 1,
        'on_count_mismatch': 'ignore',
    }
    instances = cfg.train_dataloader.sampler.get('num_instances')
    if instances is not None:
        changes['train_dataloader.sampler.num_instances'] = min(instances, 2)
    if cfg.train_dataloader.sampler.get('min_batches'):
        changes['train_dataloader.sampler.min_batches'] = 2
    for i, hook in enumerate(cfg.get('custom_hooks') or ()):
        if hook.type == 'WeightAverageHook':
            changes[f'custom_hooks.{i}.begin'] = 1
    backbone = cfg.model.backbone
    for key, value in SHRUNK[backbone.type].items():
        if isinstance(value, dict) and key in backbone:
            value = {'_delete_': True, **value}
        changes[f'model.backbone.{key}'] = value
    return changes
