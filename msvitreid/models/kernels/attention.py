"""Sparse grid attention as one operation that Triton kernels compute."""

from __future__ import annotations

import math
from collections.abc import Sequence
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from msvitreid.errors import ConfigError

from .triton_use import INTERPRETED, on_device

#: Largest group and head that a program holds in its registers.
MOST_TOKENS = 64
MOST_DIMS = 64

DTYPES = (torch.float16, torch.bfloat16, torch.float32)


def takes_triton(
    q: Tensor, k: Tensor, v: Tensor, num_heads: int, split_size: Sequence[int]
) -> bool:
    """Whether :func:`triton_attention` computes attention of such maps.

    It does on GPUs, of half precision and float32, with groups and heads of 64 at most.
    """
    return (
        all((x.is_cuda or INTERPRETED) and x.dtype in DTYPES for x in (q, k, v))
        and math.prod(split_size) <= MOST_TOKENS
        and max(q.shape[1], v.shape[1]) <= MOST_DIMS * num_heads
    )


# Torch 2.4 does not read annotations that are text.
@torch.library.custom_op(
    'msvitreid::triton_attention',
    mutates_args=(),
    schema=(
        '(Tensor q, Tensor k, Tensor v, Tensor logit_scale, Tensor? add, int[] split_size, '
        'int num_kept, float largest_scale, bool relu) -> Tensor'
    ),
)
def triton_attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    logit_scale: Tensor,
    add: Tensor | None,
    split_size: Sequence[int],
    num_kept: int,
    largest_scale: float,
    relu: bool,
) -> Tensor:
    """Sparse grid attention, what is added to it, and ReLU, in one pass over the maps.

    It is what :class:`~msvitreid.models.backbones.SparseGridAttention` computes: unit vectors,
    logits, selection and softmax in float32, exactly ``num_kept`` keys, of equal logits those at
    the lowest positions; a query with a logit of NaN is NaN. Sums of the shares times the values,
    and the rest, are in float32 too and rounded once. The maps may lie in memory in any way;
    nothing of tokens x tokens is written to it, also on the backward pass, which computes the
    shares again.

    Args:
        q, k: ``(B, heads * d, H, W)``.
        v: ``(B, heads * e, H, W)``.
        logit_scale: logarithms of the cosines' scale, one for each head.
        add: as the result, or None.
        split_size: tokens of a group along height and width.
        num_kept: from 1 to the tokens of a group.
        largest_scale: where ``logit_scale`` is clamped.
        relu: whether ReLU follows.

    Returns:
        ``(B, heads * e, H, W)`` of the type of ``v``, in channels_last memory.

    Raises:
        ConfigError: Triton is not installed.
    """
    output = _new(v)
    launch = _Launch(q, v, logit_scale, split_size, num_kept, largest_scale)
    local = v if add is None else add
    launch(
        'forward',
        [q, k, v, logit_scale, local, output],
        strided=(q, k, v, local),
        has_add=add is not None,
        relu=relu,
    )
    return output


@torch.library.custom_op(
    'msvitreid::triton_attention_backward',
    mutates_args=(),
    schema=(
        '(Tensor q, Tensor k, Tensor v, Tensor logit_scale, Tensor? output, Tensor gradient, '
        'bool has_add, int[] split_size, int num_kept, float largest_scale) '
        '-> (Tensor, Tensor, Tensor, Tensor, Tensor)'
    ),
)
def _gradients(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    logit_scale: Tensor,
    output: Tensor | None,
    gradient: Tensor,
    has_add: bool,
    split_size: Sequence[int],
    num_kept: int,
    largest_scale: float,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Gradients of ``q``, ``k``, ``v``, ``logit_scale`` and, after ReLU, of what was added."""
    relu = output is not None
    grad_q, grad_k, grad_v, grad_add = _new_gradients(q, k, v, relu and has_add)
    launch = _Launch(q, v, logit_scale, split_size, num_kept, largest_scale)
    # Summed by torch: programs that added to one number would do so in any order.
    parts = logit_scale.new_empty(
        launch.programs // launch.heads, launch.heads, dtype=torch.float32
    )
    result = gradient if output is None else output
    launch(
        'backward',
        [q, k, v, logit_scale, result, gradient, grad_q, grad_k, grad_v, parts, grad_add],
        strided=(q, k, v, result, gradient),
        has_add=has_add,
        relu=relu,
    )
    of_scale = parts.sum(0).view_as(logit_scale).to(logit_scale.dtype)
    return grad_q, grad_k, grad_v, of_scale, grad_add


@triton_attention.register_fake
def _(q: Tensor, k: Tensor, v: Tensor, *_: Any) -> Tensor:
    return _new(v)


@_gradients.register_fake
def _(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    logit_scale: Tensor,
    output: Tensor | None,
    gradient: Tensor,
    has_add: bool,
    *_: Any,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    grad_q, grad_k, grad_v, grad_add = _new_gradients(q, k, v, output is not None and has_add)
    return grad_q, grad_k, grad_v, torch.empty_like(logit_scale), grad_add


def _keep_inputs(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    q, k, v, logit_scale, add, *settings, relu = inputs
    ctx.settings = settings
    ctx.has_add = add is not None
    ctx.save_for_backward(q, k, v, logit_scale, output if relu else None)


def _backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
    *inputs, output = ctx.saved_tensors
    *grads, grad_add = _gradients(*inputs, output, gradient, ctx.has_add, *ctx.settings)
    if not ctx.has_add:
        grad_add = None
    elif output is None:
        grad_add = gradient
    return *grads, grad_add, None, None, None, None


triton_attention.register_autograd(_backward, setup_context=_keep_inputs)


class _Launch:
    """Sizes of one attention, and the programs that compute it: one for each group and head."""

    def __init__(
        self,
        q: Tensor,
        v: Tensor,
        logit_scale: Tensor,
        split_size: Sequence[int],
        num_kept: int,
        largest_scale: float,
    ) -> None:
        batch, channels, height, width = q.shape
        rows, columns = split_size
        groups = (height // rows, width // columns)
        self.device = q.device
        self.heads = logit_scale.numel()
        self.programs = batch * groups[0] * groups[1] * self.heads
        dims, v_dims = channels // self.heads, v.shape[1] // self.heads
        # With fewer, what a program holds of 64 tokens exceeds its registers (sm_80, sm_90).
        self.warps = 8 if rows * columns > 32 else 4
        self.sizes = (
            self.heads,
            *groups,
            rows,
            columns,
            _padded(rows * columns),
            num_kept,
            dims,
            _padded(dims),
            v_dims,
            _padded(v_dims),
            largest_scale,
            INTERPRETED,
        )

    def __call__(
        self,
        name: str,
        tensors: list[Tensor],
        strided: tuple[Tensor, ...],
        has_add: bool,
        relu: bool,
    ) -> None:
        if not self.programs:
            return
        kernel = getattr(_kernels(), name)
        strides = [stride for tensor in strided for stride in tensor.stride()]
        with on_device(self.device):
            kernel[(self.programs,)](
                *tensors, *strides, *self.sizes, has_add, relu, num_warps=self.warps
            )


def _kernels() -> ModuleType:
    try:
        from . import triton_sparse_attention
    except ImportError as error:
        raise ConfigError(
            f"attention_kernel='triton' needs Triton, which cannot be imported ({error}); "
            "install it (pip install triton) or set attention_kernel='torch'"
        ) from error
    return triton_sparse_attention


def _padded(size: int) -> int:
    """Triton's arrays have powers of two, those of its products 16 at least."""
    return max(16, 1 << (size - 1).bit_length())


def _new(like: Tensor) -> Tensor:
    batch, channels, height, width = like.shape
    return like.new_empty(batch, height, width, channels).permute(0, 3, 1, 2)


def _new_gradients(
    q: Tensor, k: Tensor, v: Tensor, of_added: bool
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    return _new(q), _new(k), _new(v), _new(v) if of_added else v.new_empty(0)
