"""How large everything is: as published, or as tiny as it can be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from benchmarks.made_features import SHAPES, Shape


@dataclass(frozen=True)
class Sizes:
    """What all parts share.

    Attributes:
        device: where nets and rankings run.
        image: height and width, pixels.
        split: tokens of an attention group along height and width.
        archs: of the nets, by the letter in their names.
        forward_batches: by their value.
        train_batches: likewise.
        kernel_batch: images of the maps that single kernels are given.
        ranked: the test set that is ranked.
        images: of the training set.
        workers: processes that load images.
        epochs: of the training.
        rounds: timed calls of a variant at most.
        warmup: calls before.
        seconds: after so many no further round is started.
        trained_batch: images of a step of the whole training.
        bandwidth: bytes a second of a copy on the device; 0 before it is measured.
    """

    device: str
    image: tuple[int, int]
    split: tuple[int, int]
    archs: Mapping[str, Any]
    forward_batches: tuple[int, ...]
    train_batches: tuple[int, ...]
    kernel_batch: int
    ranked: Shape
    images: int
    workers: int
    epochs: int
    rounds: int
    warmup: int
    seconds: float
    trained_batch: int
    bandwidth: float = 0

    @property
    def emulated(self) -> bool:
        return self.device == 'cpu'


def published_sizes(images: int) -> Sizes:
    """Of a GPU, with ``images`` images to train on."""
    return Sizes(
        device='cuda',
        image=(384, 128),
        split=(8, 8),
        archs={'s': 's', 'l': 'l'},
        forward_batches=(256, 1, 32),
        train_batches=(96, 24, 256),
        kernel_batch=32,
        ranked=SHAPES['market'],
        images=images,
        workers=8,
        epochs=2,
        rounds=20,
        warmup=3,
        seconds=1,
        trained_batch=24,
    )


EMULATED = Sizes(
    device='cpu',
    image=(32, 32),
    split=(2, 2),
    archs={'s': {'dims': (8, 8, 8, 8), 'blocks': (1, 2, 2, 1), 'heads': (1, 1, 1)}},
    forward_batches=(1,),
    train_batches=(4,),
    kernel_batch=1,
    ranked=Shape(12, 48, 5, 3),
    images=12,
    workers=1,
    epochs=2,
    rounds=1,
    warmup=0,
    seconds=1,
    trained_batch=4,
)


def amp_dtype(sizes: Sizes) -> torch.dtype:
    """Float16, as training has it; in the emulation what processors compute."""
    return torch.bfloat16 if sizes.emulated else torch.float16
