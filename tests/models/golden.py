"""Nets with the weights of ``tests/golden``: a function of their official names."""

import json
from pathlib import Path

import numpy as np
import torch
from torch import nn

from msvitreid.models.weights.official_names import from_official
from msvitreid.registry import MODELS
from tests.golden.fill import fill_state_dict, image_batch

GOLDEN = Path(__file__).parents[1] / 'golden'


def golden(name: str) -> dict[str, np.ndarray]:
    with np.load(GOLDEN / f'{name}.npz') as arrays:
        return dict(arrays)


def official_shapes(name: str) -> dict[str, list[int]]:
    return json.loads((GOLDEN / f'{name}.json').read_text())


def official_weights(name: str, seed: int) -> dict[str, torch.Tensor]:
    arrays = fill_state_dict(official_shapes(name), seed)
    return {key: torch.as_tensor(value) for key, value in arrays.items()}


def images(count: int, height: int, width: int, seed: int) -> torch.Tensor:
    return torch.from_numpy(image_batch(count, height, width, seed))


def erased_images(count: int, height: int, width: int, seed: int) -> torch.Tensor:
    """:func:`images`, the even ones with an erased rectangle, the odd ones with black bars."""
    batch = images(count, height, width, seed)
    rows, columns = slice(height // 4, int(0.85 * height)), slice(width // 8, int(0.85 * width))
    batch[::2, :, rows, columns] = 0
    batch[1::2, :, :, : width // 4] = 0
    batch[1::2, :, :, 3 * width // 4 :] = 0
    return batch


class ClassifierNet(nn.Module):
    """Backbone and head of the pre-training net, with the names of mmpretrain's classifier."""

    def __init__(self, act: str, seed: int, **backbone: object) -> None:
        super().__init__()
        act_cfg = {'type': act}
        self.backbone = MODELS.build(
            dict(type='MSViT', num_branches=1, last_stride=2, act_cfg=act_cfg, **backbone)
        )
        self.head = MODELS.build(dict(type='ImageNetHead', act_cfg=act_cfg))
        weights = official_weights('official_msvit_s', seed)
        self.load_state_dict(from_official(weights, 'classifier'))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.backbone(x))


def reid_net(seed: int = 2, **backbone: object) -> nn.Module:
    """The ReID net of the golden vectors: s, 20 classes, 2 parts."""
    model = MODELS.build(
        dict(
            type='ReIDModel',
            backbone=dict(type='MSViT', **backbone),
            neck=dict(type='PartPoolingNeck'),
            head=dict(type='BNNeckHead', num_classes=20),
        )
    )
    model.load_state_dict(from_official(official_weights('official_reid_s', seed), 'reid'))
    return model
