"""Softmax over the k largest logits of a row."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

#: Numbers worked on at once: enough for torch's threads, and no second copy of all of them.
BLOCK = 2**19


@torch.library.custom_op('msvitreid::sparse_softmax', mutates_args=())
def sparse_softmax(logits: Tensor, k: int) -> Tensor:
    """Softmax of every row over its ``k`` largest numbers, zero elsewhere.

    Numbers that tie with the smallest one kept are kept as well; on the CPU that means below it
    by less than the least normal number, so that it holds where a process flushes subnormal
    differences to zero, too. There a row is sorted by NumPy, whose vectorised sort of a short
    row takes a tenth of the time of ``torch.topk``, and only the result is kept for the way
    back. ``torch.compile`` takes the whole as one operation.

    Args:
        logits: ``(..., n)``, finite, float32 or float64.
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
    threshold = logits.topk(k).values[..., -1:]
    return logits.masked_fill(logits < threshold, -math.inf).softmax(-1)


def _in_blocks(logits: Tensor, k: int) -> Tensor:
    rows = logits.view(-1, logits.shape[-1])
    result = torch.empty_like(rows)
    height = max(1, BLOCK // rows.shape[1])
    below = -torch.finfo(rows.dtype).tiny
    for start in range(0, len(rows), height):
        block = rows[start : start + height]
        ascending = np.sort(block.numpy(), axis=1)
        threshold = torch.from_numpy(ascending[:, -k, None])
        kept = torch.threshold_(block - threshold, below, -math.inf)
        torch.softmax(kept, -1, out=result[start : start + height])
    return result.view_as(logits)


@sparse_softmax.register_fake
def _(logits: Tensor, k: int) -> Tensor:
    return torch.empty_like(logits, memory_format=torch.contiguous_format)


def _keep_result(ctx: Any, inputs: tuple, output: Tensor) -> None:
    ctx.save_for_backward(output)


def _backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
    (result,) = ctx.saved_tensors
    # What was left out has a zero here, and so no gradient.
    return torch._softmax_backward_data(gradient, result, -1, result.dtype), None


sparse_softmax.register_autograd(_backward, setup_context=_keep_result)
