"""A net as one graph of standard operations, from images to embeddings."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from functools import partial
from typing import Any, Protocol, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from msvitreid.deployment.fused import fuse_for_inference
from msvitreid.deployment.packed_conv import pack_convolutions
from msvitreid.errors import ConfigError
from msvitreid.models import ReIDModel
from msvitreid.models.backbones import SparseGridAttention
from msvitreid.models.preprocessor import ReIDDataPreprocessor


class Selection(Protocol):
    """A sparse softmax of operations that converters know."""

    def __call__(self, logits: Tensor, k: int) -> Tensor: ...


def by_threshold(logits: Tensor, k: int) -> Tensor:
    """:func:`~msvitreid.models.kernels.sparse_softmax` in operations that all converters know.

    It does not matter which of equal numbers ``topk`` gives.
    """
    threshold = logits.topk(k).values[..., -1:]
    # Not ``>``: NaN is kept, so that it is seen in the result.
    above, equal = ~(logits <= threshold), logits == threshold
    missing = k - above.to(torch.int32).sum(-1, keepdim=True)
    kept = above | (equal & (equal.to(torch.int32).cumsum(-1) <= missing))
    return torch.where(kept, logits, -math.inf).softmax(-1)


def by_position(logits: Tensor, k: int) -> Tensor:
    """The same in fewer operations, where ``topk`` gives the first of equal numbers.

    ONNX says so of its TopK; torch does not.
    """
    values, positions = logits.topk(k)
    return torch.zeros_like(logits).scatter(-1, positions, values.softmax(-1))


def _shares(attention: SparseGridAttention, select: Selection) -> Callable[[Tensor], Tensor]:
    if attention.num_kept == math.prod(attention.split_size):
        return partial(F.softmax, dim=-1)
    return partial(select, k=attention.num_kept)


class WholeNet(nn.Module):
    """Backbone, neck and head, and what of the rest of an embedding is asked for.

    Args:
        model: in evaluation mode, on the CPU, in float32; it stays as it is.
        include: any of ``'preprocess'``, the division by 255 and mean and deviation; ``'flip'``,
            the mirrored image's features are added; ``'normalize'``, to length 1.
        select: computes the shares of sparse attention.

    Raises:
        ConfigError: the preprocessing of the model is another than the package's.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, model: ReIDModel, include: Collection[str], select: Selection) -> None:
        super().__init__()
        deployed = cast(ReIDModel, pack_convolutions(fuse_for_inference(model)))
        self.backbone, self.neck, self.head = deployed.backbone, deployed.neck, deployed.head
        for module in self.modules():
            if isinstance(module, SparseGridAttention):
                shares: Any = _shares(module, select)
                module.shares = shares  # type: ignore[method-assign]
        self.include = frozenset(include)
        preprocessor = model.data_preprocessor
        if 'preprocess' in include and type(preprocessor) is not ReIDDataPreprocessor:
            raise ConfigError(
                f'preprocessing by {type(preprocessor).__name__} cannot be put into a file; '
                'leave preprocess out of --include'
            )
        self.normalizes = bool(getattr(preprocessor, 'normalizes', False))
        if self.normalizes:
            self.register_buffer('mean', preprocessor.mean.clone())
            self.register_buffer('std', preprocessor.std.clone())
        self.eval().requires_grad_(False)

    @property
    def input_dtype(self) -> torch.dtype:
        """Of the images: uint8 with the preprocessing, float32 without."""
        return torch.uint8 if 'preprocess' in self.include else torch.float32

    def forward(self, images: Tensor) -> Tensor:
        """``(N, 3, H, W)`` RGB to ``(N, D)``."""
        if 'preprocess' in self.include:
            images = images.to(torch.float32) / 255.0
            if self.normalizes:
                images = (images - self.mean) / self.std
        if 'flip' not in self.include:
            features = self._features(images)
        else:
            both = self._features(torch.cat([images, images.flip(-1)]))
            features = both.reshape(2, -1, both.shape[1]).sum(0)
        return F.normalize(features) if 'normalize' in self.include else features

    def _features(self, images: Tensor) -> Tensor:
        return torch.cat(self.head(self.neck(self.backbone(images))), dim=1)
