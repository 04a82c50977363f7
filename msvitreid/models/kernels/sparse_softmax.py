"""Softmax over the k largest logits of a row."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from .selection import mask_of_largest, select_largest

#: Numbers worked on at once: enough for torch's threads, and no second copy of all of them.
BLOCK = 2**19


# Torch 2.4 does not read annotations that are text.
@torch.library.custom_op(
    'msvitreid::sparse_softmax', mutates_args=(), schema='(Tensor logits, int k) -> Tensor'
)
def sparse_softmax(logits: Tensor, k: int) -> Tensor:
    """Softmax of every row over exactly its ``k`` largest numbers, zero elsewhere.

    Of numbers that equal the k-th largest the first ones are kept, as many as make ``k``. Only the
    result is kept for the backward pass. ``torch.compile`` takes the whole as one operation.

    As in :func:`torch.softmax`, ``-inf`` counts for nothing, and a row of ``-inf`` only, or one
    with ``inf`` or NaN, is NaN as a whole.

    Args:
        logits: ``(..., n)``, float32 or float64.
        k: from 1 to ``n``.

    Raises:
        ValueError: ``k`` is not.
    """
    if not 1 <= k <= logits.shape[-1]:
        raise ValueError(
            f'k must be from 1 to {logits.shape[-1]}, the length of a row, got {k}'
        )
    if k == logits.shape[-1]:
        return logits.softmax(-1)
    if logits.device.type == 'cpu':
        return _in_blocks(logits.detach().contiguous(), k)
    return _on_device(logits, k)


def _on_device(logits: Tensor, k: int) -> Tensor:
    return logits.masked_fill(~mask_of_largest(logits, k), -math.inf).softmax(-1)


def _in_blocks(logits: Tensor, k: int) -> Tensor:
    rows = logits.view(-1, logits.shape[-1])
    result = torch.empty_like(rows)
    height = max(1, BLOCK // rows.shape[1])
    below = -torch.finfo(rows.dtype).tiny
    for start in range(0, len(rows), height):
        block = rows[start : start + height]
        thresholds, tied, dropped, wide = select_largest(block.numpy(), k)
        kept = block - torch.from_numpy(thresholds)
        if len(tied):
            # Below the threshold, that is.
            kept.numpy()[tied] = kept.numpy().take(tied, 0) - dropped
        torch.threshold_(kept, below, -math.inf)
        torch.softmax(kept, -1, out=result[start : start + height])
        if len(wide):
            rows_of_result = torch.from_numpy(wide) + start
            result[rows_of_result] = _on_device(rows[rows_of_result], k)
    return result.view_as(logits)


@sparse_softmax.register_fake
def _(logits: Tensor, k: int) -> Tensor:
    return torch.empty_like(logits, memory_format=torch.contiguous_format)


def _keep_result(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    ctx.save_for_backward(output)


def _backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
    (result,) = ctx.saved_tensors
    # What was left out has a zero here, and so no gradient.
    grad = torch._softmax_backward_data(gradient, result, -1, result.dtype)  # noqa: SLF001
    return grad, None


sparse_softmax.register_autograd(_backward, setup_context=_keep_result)
