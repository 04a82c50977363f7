from __future__ import annotations

import math
from typing import Any, Literal, cast, get_args

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from msvitreid.errors import ConfigError
from msvitreid.models.autocasting import without_autocast
from msvitreid.models.kernels import sparse_softmax, takes_triton, triton_attention
from msvitreid.utils.checks import is_number, require_whole

from .lean_bottleneck import can_recompute

#: Largest logarithm of the cosine's scale: the published constant, not ln 100.
MAX_LOGIT_SCALE = 4.6052

Kernel = Literal['torch', 'triton']


class SparseGridAttention(nn.Module):
    """Top-k cosine attention inside groups of tokens that lie far apart.

    A map of ``H x W`` tokens is cut into ``(H / H_sp) * (W / W_sp)`` groups. A group holds
    the ``H_sp * W_sp`` tokens whose row is equal modulo ``H / H_sp`` and whose column is
    equal modulo ``W / W_sp``: a coarse grid over the whole map. Inside a group a query
    keeps its ``int(H_sp * W_sp * sparse_ratio)`` largest logits and ignores the rest.

    Exactly that many are kept: of keys whose logits equal the smallest kept one, those at the
    lowest positions. Tokens of a constant area (an erased rectangle, a black bar) are identical,
    so ties are common there. Logits are computed in float32 at least: half precision would make
    ties of logits that differ.

    Args:
        num_heads: attention heads; channels are head-major.
        split_size: tokens of a group along height and width, ``(H_sp, W_sp)``.
        sparse_ratio: share of keys each query keeps, in (0, 1]; 1 is dense attention.
        kernel: 'triton' computes the same by a Triton kernel for the forward pass and one for
            the backward pass, where it can: maps on a GPU, in half precision or float32, groups
            and heads of 64 at most. Everything else, on the CPU, in float64 and of subclasses,
            which may group in another way, is computed by torch's operations, as with 'torch'.

    Raises:
        ConfigError: an option has no such value, or no key would be kept.

    Source: the multiple sparse vision transformer's grid and top-k sparsities.
    """

    def __init__(
        self,
        num_heads: int,
        split_size: tuple[int, int],
        sparse_ratio: float = 0.3,
        kernel: Kernel = 'torch',
    ) -> None:
        super().__init__()
        require_whole('SparseGridAttention num_heads', num_heads, 1)
        if not isinstance(split_size, list | tuple) or len(split_size) != 2:
            raise ConfigError(
                f'SparseGridAttention split_size must be two numbers, got {split_size!r}'
            )
        for side in split_size:
            require_whole('SparseGridAttention split_size', side, 1)
        tokens = split_size[0] * split_size[1]
        # Rounded up, so that the least ratio named below is one that is taken.
        least = math.ceil(1e4 / tokens) / 1e4
        if not is_number(sparse_ratio) or not 0 < sparse_ratio <= 1:
            raise ConfigError(
                f'sparse_ratio must be a number in [{least:.4f}, 1], got {sparse_ratio!r}'
            )
        if kernel not in get_args(Kernel):
            raise ConfigError(f"attention_kernel must be 'torch' or 'triton', got {kernel!r}")
        self.kernel = kernel
        self.num_heads = num_heads
        self.split_size = tuple(split_size)
        self.sparse_ratio = sparse_ratio
        self.num_kept = int(tokens * sparse_ratio)
        if not self.num_kept:
            raise ConfigError(
                f'sparse_ratio {sparse_ratio} keeps {self.num_kept} of the {tokens} keys of a '
                f'{split_size[0]}x{split_size[1]} group; choose one in [{least:.4f}, 1]'
            )
        self.logit_scale = nn.Parameter(torch.full((num_heads, 1, 1), math.log(10.0)))

    def forward(
        self,
        q: Tensor,
        k: Tensor,
        v: Tensor,
        add: Tensor | None = None,
        act: nn.Module | None = None,
    ) -> Tensor:
        """Attend; all maps are ``(B, num_heads * d, H, W)``.

        Args:
            q, k, v: queries, keys and values.
            add: is added to the result; of the shape of ``v``.
            act: is applied to the sum; the kernels take a ReLU into their pass.

        Raises:
            ConfigError: ``H`` or ``W`` does not divide by the split size, or channels by the heads;
                or a kernel is asked for that cannot be imported.
            ValueError: the maps differ in more than the channels of ``v``, or ``add`` from ``v``.
        """
        if k.shape != q.shape or (v.shape[0], v.shape[2:]) != (q.shape[0], q.shape[2:]):
            raise ValueError(
                f'q, k and v must be of one batch and size, got {tuple(q.shape)}, '
                f'{tuple(k.shape)} and {tuple(v.shape)}'
            )
        if add is not None and add.shape != v.shape:
            raise ValueError(
                f'add must be of the size of v, got {tuple(add.shape)} and {tuple(v.shape)}'
            )
        if self._takes_kernel(q, k, v):
            for x in (q, v):
                self._check_map(x)
            relu = type(act) is nn.ReLU
            x = triton_attention(
                q,
                k,
                v,
                self.logit_scale,
                add,
                self.split_size,
                self.num_kept,
                MAX_LOGIT_SCALE,
                relu,
            )
            return x if act is None or relu else act(x)
        x = self._attend(q, k, v)
        if add is not None:
            x = x + add if x.requires_grad or add.requires_grad else x.add_(add)
        return x if act is None else act(x)

    def _attend(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        if self.training and can_recompute(q) and q.dtype == v.dtype and self._is_plain():
            return cast(Tensor, _Attention.apply(q, k, v, self.logit_scale, self))
        height, width = q.shape[-2:]
        v = self._group(v)
        with without_autocast(q.device):
            shares = self.shares(self.logits(q, k))
        return self._ungroup(shares.to(v.dtype) @ v, height, width)

    def _is_plain(self) -> bool:
        """Whether its shares are those of this class, not a subclass's or an exported net's."""
        return type(self) is SparseGridAttention and 'shares' not in vars(self)

    def logits(self, q: Tensor, k: Tensor) -> Tensor:
        """Scaled cosines of queries and keys of maps ``(B, num_heads * d, H, W)``.

        Returns:
            ``(B, H / H_sp, W / W_sp, heads, tokens, tokens)``, in float32 at least; where a
            group's tokens lie in the map is what :meth:`positions` says.
        """
        with without_autocast(q.device):
            q, k = self._scaled(q, k, self.logit_scale)
            return q @ k.transpose(-2, -1)

    def _scaled(self, q: Tensor, k: Tensor, logit_scale: Tensor) -> tuple[Tensor, Tensor]:
        q, k = self._group(q), self._group(k)
        # The scale goes to the queries, which are smaller than the logits.
        return _unit(q) * logit_scale.clamp(max=MAX_LOGIT_SCALE).exp(), _unit(k)

    def positions(self, height: int, width: int) -> Tensor:
        """Where the tokens of each group lie: ``row * width + column`` in the map.

        Returns:
            ``(H / H_sp, W / W_sp, tokens)`` int64.

        Raises:
            ConfigError: ``H`` or ``W`` does not divide by the split size.
        """
        places = torch.arange(height * width).view(1, 1, height, width)
        return self._group(places.expand(-1, self.num_heads, -1, -1))[0, :, :, 0, :, 0]

    def shares(self, logits: Tensor) -> Tensor:
        """What each query takes of the keys; exported nets compute it by other operations."""
        return sparse_softmax(logits, self.num_kept)

    def _takes_kernel(self, q: Tensor, k: Tensor, v: Tensor) -> bool:
        return (
            self.kernel == 'triton'
            and self._is_plain()
            and takes_triton(q, k, v, self.num_heads, self.split_size)
        )

    def extra_repr(self) -> str:
        return (
            f'num_heads={self.num_heads}, split_size={self.split_size}, '
            f'sparse_ratio={self.sparse_ratio}'
        )

    def _group(self, x: Tensor) -> Tensor:
        """``(B, C, H, W)`` to ``(B, groups_h, groups_w, heads, tokens, d)``.

        Of a map in channels_last memory, a token's ``d`` numbers lie together on both sides.
        """
        self._check_map(x)
        batch, channels, height, width = x.shape
        rows, columns = self.split_size
        x = x.permute(0, 2, 3, 1).reshape(
            batch,
            rows,
            height // rows,
            columns,
            width // columns,
            self.num_heads,
            channels // self.num_heads,
        )
        return x.permute(0, 2, 4, 5, 1, 3, 6).flatten(4, 5)

    def _check_map(self, x: Tensor) -> None:
        _, channels, height, width = x.shape
        rows, columns = self.split_size
        if height % rows or width % columns:
            raise ConfigError(
                f'a {height}x{width} map does not divide by split_size {rows}x{columns}'
            )
        if channels % self.num_heads:
            raise ConfigError(
                f'{channels} channels do not divide by num_heads {self.num_heads}'
            )

    def _ungroup(self, x: Tensor, height: int, width: int) -> Tensor:
        batch, _, _, heads, _, dims = x.shape
        x = x.unflatten(4, self.split_size).permute(0, 4, 1, 5, 2, 3, 6)
        return x.reshape(batch, height, width, heads * dims).permute(0, 3, 1, 2)


class _Attention(torch.autograd.Function):
    """Keeps the maps and the shares; grouping and normalization are computed again."""

    @staticmethod
    def forward(
        ctx: Any,
        q: Tensor,
        k: Tensor,
        v: Tensor,
        logit_scale: Tensor,
        layer: SparseGridAttention,
    ) -> Tensor:
        shares = layer.shares(layer.logits(q, k))
        ctx.save_for_backward(q, k, v, logit_scale, shares)
        ctx.layer = layer
        return layer._ungroup(shares @ layer._group(v), *q.shape[2:])  # noqa: SLF001

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        *inputs, v, logit_scale, shares = ctx.saved_tensors
        layer, size = ctx.layer, grad.shape[2:]
        grad = layer._group(grad)  # noqa: SLF001
        by_v = layer._ungroup(shares.transpose(-2, -1) @ grad, *size)  # noqa: SLF001
        grad = grad @ layer._group(v).transpose(-2, -1)  # noqa: SLF001
        grad = torch._softmax_backward_data(grad, shares, -1, shares.dtype)  # noqa: SLF001
        inputs = [x.detach().requires_grad_() for x in (*inputs, logit_scale)]
        with torch.enable_grad():
            q, k = layer._scaled(*inputs)  # noqa: SLF001
        by_q = grad @ k.detach()
        by_k = grad.transpose(-2, -1) @ q.detach()
        by_q, by_k, by_scale = torch.autograd.grad((q, k), inputs, (by_q, by_k))
        return by_q, by_k, by_v, by_scale, None


def _unit(x: Tensor) -> Tensor:
    """L2-normalize the last axis, in float32 at least."""
    return F.normalize(x.to(torch.promote_types(x.dtype, torch.float32)), dim=-1)
