"""What a batch must be like for a head to be trained with it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from msvitreid.errors import ConfigError
from msvitreid.structures import ReIDDataSample


def require_several_images(norm: nn.Module, vectors: Tensor) -> None:
    """Check that BatchNorm can normalize vectors ``(N, C)``; in training one has no variance.

    Raises:
        ConfigError: there is a single image. BatchNorm of several processes together, SyncBN,
            does with one on each.
    """
    if norm.training and isinstance(norm, nn.BatchNorm1d) and len(vectors) == 1:
        raise ConfigError(
            'a training batch of one image cannot be normalized by BatchNorm: set '
            'train_dataloader.batch_size to 2 at least, or train_dataloader.drop_last=True if it '
            'is the last, shorter batch of an epoch'
        )


def require_channels(head: nn.Module, vectors: Tensor, channels: int) -> None:
    """Check that vectors are as long as the head was built for.

    Raises:
        ConfigError: they are not.
    """
    if vectors.shape[1] != channels:
        raise ConfigError(
            f'{type(head).__name__} is built for {channels} channels and gets vectors of '
            f'{vectors.shape[1]}; leave out model.head.in_channels or correct it'
        )


def labels_of(data_samples: Sequence[ReIDDataSample], num_classes: int | None) -> Tensor:
    """The labels ``(N,)`` of a batch, on the CPU.

    Raises:
        ConfigError: one is beyond the last of ``num_classes`` classes.
    """
    labels = torch.tensor([sample.label for sample in data_samples])
    if num_classes is not None and labels.numel() and int(labels.max()) >= num_classes:
        raise ConfigError(
            f'the training data have a class {int(labels.max())}, and model.head.num_classes='
            f'{num_classes} ends before it; leave num_classes out, it is counted in the data'
        )
    return labels
