"""Nets small enough to train in a test."""

import torch
from torch.nn.modules.batchnorm import _BatchNorm

from msvitreid.registry import MODELS

TINY_ARCH = {'dims': (8, 16, 16, 24), 'blocks': (1, 2, 2, 1), 'heads': (1, 2, 2)}


def tiny_backbone() -> dict:
    return {'arch': TINY_ARCH, 'split_size': (2, 2), 'sparse_ratio': 0.5}


def tiny_reid_model(**head: object) -> dict:
    """A ReID net for images of multiples of 32, 16-d vectors."""
    return dict(
        type='ReIDModel',
        backbone=dict(type='MSViT', out_channels=16, **tiny_backbone()),
        neck=dict(type='PartPoolingNeck'),
        head=dict(type='BNNeckHead', in_channels=16, **head),
    )


def tiny_tested_net(**backbone: object) -> torch.nn.Module:
    """That net in evaluation mode, its BatchNorms with statistics and weights of their own."""
    torch.manual_seed(0)
    config = tiny_reid_model()
    config['backbone'].update(backbone)
    model = MODELS.build(config).eval()
    for layer in model.modules():
        if isinstance(layer, _BatchNorm):
            torch.nn.init.uniform_(layer.weight, 0.5, 1.5)
            torch.nn.init.normal_(layer.bias)
            layer.running_mean.normal_()
            layer.running_var.uniform_(0.5, 2)
    return model


def joined_reid_model() -> dict:
    """Two such nets joined, the first with dense attention, with deviations of their own."""
    dense, sparse = tiny_reid_model(num_classes=None), tiny_reid_model(num_classes=None)
    dense['backbone']['sparse_ratio'] = 1.0
    dense['data_preprocessor'] = {
        'type': 'ReIDDataPreprocessor',
        'mean': [0.5, 0.4, 0.3],
        'std': [0.2, 0.25, 0.5],
    }
    return dict(
        type='ReIDModel',
        backbone=dict(type='JoinedNets', nets=[dense, sparse]),
        neck=dict(type='GlobalPoolingNeck'),
        head=dict(type='FeatureHead'),
    )
