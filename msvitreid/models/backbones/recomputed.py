from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import lru_cache
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint


def recomputed(block: nn.Module, x: Tensor) -> Tensor:
    """``block(x)`` that keeps nothing for the backward pass but ``x``, and is computed again then.

    Random draws are repeated, and BatchNorm's running statistics follow the batch once, not
    twice, so the result and what it leaves behind are those of ``block(x)``.
    """
    return _untraced()(block, x)


@lru_cache
def _untraced() -> Callable[[nn.Module, Tensor], Tensor]:
    """:func:`_recomputed` outside of compiled graphs; the compiler is imported for it.

    torch 2.14 cannot trace a checkpoint with contexts. What is inside is compiled still.
    """
    return torch.compiler.disable(_recomputed, recursive=False)


def _recomputed(block: nn.Module, x: Tensor) -> Tensor:
    def contexts() -> tuple[AbstractContextManager[Any], AbstractContextManager[Any]]:
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
