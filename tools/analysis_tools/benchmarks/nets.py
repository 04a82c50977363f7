"""The published nets with made weights, for the benchmarks of the net."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median

import torch
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

from msvitreid.models import ReIDModel
from msvitreid.registry import MODELS

from .device import Setting
from .results import Result

SIZE = (384, 128)


def published(
    arch: str | Mapping[str, Sequence[int]],
    num_classes: int | None = None,
    attention_kernel: str = 'torch',
    split_size: tuple[int, int] = (8, 8),
) -> ReIDModel:
    """The re-identification net of the person sets, with BatchNorm that is not the identity."""
    torch.manual_seed(0)
    model = MODELS.build(
        dict(
            type='ReIDModel',
            backbone=dict(
                type='MSViT',
                arch=arch,
                split_size=split_size,
                sparse_ratio=0.3,
                drop_path_rate=0.1,
                frozen_stages=0,
                attention_kernel=attention_kernel,
            ),
            neck=dict(type='PartPoolingNeck', num_parts=2),
            head=dict(type='BNNeckHead', num_classes=num_classes),
        )
    )
    for layer in model.modules():
        if isinstance(layer, _BatchNorm):
            torch.nn.init.uniform_(layer.weight, 0.5, 1.5)
            layer.running_mean.normal_(std=0.1)
            layer.running_var.uniform_(0.5, 1.5)
    return model


def images(
    count: int, device: torch.device | str = 'cpu', size: tuple[int, int] = SIZE
) -> Tensor:
    """``(count, 3, *size)`` in [0, 1]."""
    made = torch.rand(count, 3, *size, generator=torch.Generator().manual_seed(0))
    return made.to(device)


def net_results(
    subject: str,
    arch: str,
    size: int,
    setting: Setting,
    seconds: Mapping[str, tuple[float, ...]],
    memory: Mapping[str, float],
    limits: Mapping[str, float],
) -> list[Result]:
    """One row a variant, of batches of ``size`` images."""
    case = f'msvit_{arch} {SIZE[0]}x{SIZE[1]}, batch {size}{setting}'
    return [
        Result(
            subject,
            case,
            name,
            times,
            memory_mib=memory.get(name),
            limit_seconds=limits.get(name),
            note=f'{size / median(times):.1f} images/s',
        )
        for name, times in seconds.items()
    ]
