from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint


# What is inside is compiled still; torch 2.14 cannot trace a checkpoint with contexts.
@torch.compiler.disable(recursive=False)
def recomputed(block: nn.Module, x: Tensor) -> Tensor:
    """``block(x)`` that keeps nothing for the way back but ``x``, and is computed again then.

    Random draws are repeated, and BatchNorm's running statistics follow the batch once, not
    twice, so the result and what it leaves behind are those of ``block(x)``.
    """

    def contexts() -> tuple[AbstractContextManager, AbstractContextManager]:
        return nullcontext(), _resting_statistics(block)

    return checkpoint(block, x, use_reentrant=False, context_fn=contexts)


@contextmanager
def _resting_statistics(block: nn.Module) -> Iterator[None]:
    """BatchNorm layers stay as they are: momentum 0 leaves the statistics, the count is reset."""
    layers = [m for m in block.modules() if isinstance(m, _BatchNorm)]
    counts = [cast(Tensor, layer.num_batches_tracked) for layer in layers]
    before = [
        (layer.momentum, count.clone()) for layer, count in zip(layers, counts, strict=True)
    ]
    for layer in layers:
        layer.momentum = 0.0
    try:
        yield
    finally:
        for layer, count, (momentum, value) in zip(layers, counts, before, strict=True):
            layer.momentum = momentum
            count.copy_(value)
