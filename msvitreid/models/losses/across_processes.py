from __future__ import annotations

from typing import Any

import torch
from mmengine.dist import all_gather, get_rank, get_world_size
from torch import Tensor


def gather_with_gradient(features: Tensor) -> Tensor:
    """The features of all ranks, ``(world_size * N, D)`` of ``(N, D)``, in order of rank.

    For losses that every rank computes of all features alike: with gradients averaged over
    ranks, as distributed training does, parameters get the gradient of that loss. It needs
    no communication in the backward pass. In a single process the features come back as they are.
    """
    return _Gather.apply(features) if get_world_size() > 1 else features


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, features: Tensor) -> Tensor:
        return torch.cat(all_gather(features.contiguous()))

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        # Averaging over ranks divides by their number, but each rank's own features appear
        # in the gradient of that rank only.
        ranks = get_world_size()
        return gradient.chunk(ranks)[get_rank()] * ranks
