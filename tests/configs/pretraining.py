"""The pre-training configs, and what lets them run on a miniature ImageNet within seconds."""

from __future__ import annotations

from tests.miniature.imagenet import CLASSES

from .leaves import CONFIGS

#: Name of a config -> size, activation.
PRETRAINING = {
    'msvit-s_8xb128_in1k': ('s', 'GELU'),
    'msvit-l_8xb128_in1k': ('l', 'GELU'),
    'msvit-s-relu_8xb128_in1k': ('s', 'ReLU'),
    'msvit-l-relu_8xb128_in1k': ('l', 'ReLU'),
}

SMALL_PRETRAINING = {
    'model.backbone.arch': {
        '_delete_': True,
        'dims': (8, 8, 8, 8),
        'blocks': (1, 2, 2, 1),
        'heads': (1, 2, 2),
    },
    'model.backbone.split_size': (2, 2),
    'train_dataloader.batch_size': 4,
    'image_size': (32, 32),
    **{
        f'{loader}_dataloader.dataset.metainfo': {'classes': CLASSES}
        for loader in ('train', 'val', 'test')
    },
    **{f'{loader}_dataloader.num_workers': 0 for loader in ('train', 'val', 'test')},
    'val_evaluator.topk': (1,),
    'test_evaluator.topk': (1,),
}


def pretraining_config(name: str) -> str:
    """Path of ``configs/pretrain/<name>.py``."""
    return str(CONFIGS / 'pretrain' / f'{name}.py')
