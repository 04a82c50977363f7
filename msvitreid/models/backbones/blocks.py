"""The blocks MSViT is made of; attribute names follow the public weights' where possible."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules import activation

from msvitreid.registry import MODELS

from .lean_bottleneck import can_use_lean_bottleneck, lean_bottleneck
from .sparse_grid_attention import Kernel, SparseGridAttention
from .squeeze_excitation import SqueezeExcitation

# Torch's activations by their names, as act_cfg takes them. mmcv registers them too, but importing
# it brings OpenCV and mmengine's runner.
for _name in activation.__all__:
    MODELS.register_module(name=_name, module=getattr(nn, _name))


class DropPath(nn.Module):
    """Stochastic depth: in training, whole samples of a residual branch are zeroed.

    Args:
        drop_prob: share of the samples; the others are scaled so that the mean stays.

    Source: Huang, Sun, Liu, Sedra and Weinberger, "Deep Networks with Stochastic Depth", ECCV 2016.
    """

    def __init__(self, drop_prob: float = 0.1) -> None:
        super().__init__()
        self.drop_prob = drop_prob

    def forward(self, x: Tensor) -> Tensor:
        if not self.drop_prob or not self.training:
            return x
        kept = torch.rand(len(x), *(1,) * (x.dim() - 1), dtype=x.dtype, device=x.device)
        return x.div(1 - self.drop_prob) * (kept >= self.drop_prob)


def conv_x(
    in_channels: int,
    out_channels: int,
    kernel_size: int = 1,
    stride: int = 1,
    groups: int = 1,
    act_cfg: Mapping[str, Any] | None = None,
) -> nn.Sequential:
    """Bias-free convolution with padding ``k // 2``, BatchNorm and, if named, activation."""
    layers: OrderedDict[str, nn.Module] = OrderedDict(
        conv=nn.Conv2d(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding=kernel_size // 2,
            groups=groups,
            bias=False,
        ),
        norm=nn.BatchNorm2d(out_channels),
    )
    if act_cfg is not None:
        layers['act'] = MODELS.build(dict(act_cfg))
    return nn.Sequential(layers)


class CNNBlock(nn.Module):
    """Inverted bottleneck with grouped 3x3 (4 channels a group) and squeeze-excitation.

    Args:
        in_channels, out_channels: of the block.
        stride: 1 or 2 for the 3x3 convolutions.
        project_skip: convolve the skip path as well, as the first block of a stage does,
            whatever its stride; otherwise the skip is the identity.
        act_cfg: activation config.
        drop_path: probability that a sample skips the main path in training.
        expansion: hidden channels per output channel.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        stride: int = 1,
        project_skip: bool = False,
        act_cfg: Mapping[str, Any] = {'type': 'ReLU'},
        drop_path: float = 0.0,
        expansion: int = 4,
    ) -> None:
        super().__init__()
        hidden = expansion * out_channels
        self.main = nn.Sequential(
            conv_x(in_channels, hidden, act_cfg=act_cfg),
            conv_x(hidden, hidden, 3, stride, groups=hidden // 4, act_cfg=act_cfg),
            SqueezeExcitation(hidden),
            conv_x(hidden, out_channels),
        )
        self.skip: nn.Module = nn.Identity()
        if project_skip:
            self.skip = nn.Sequential(
                conv_x(in_channels, in_channels, 3, stride, groups=in_channels // 4),
                conv_x(in_channels, out_channels),
            )
        self.drop_path = DropPath(drop_path)

    def forward(self, x: Tensor) -> Tensor:
        lean = can_use_lean_bottleneck(self.main, x)
        main = lean_bottleneck(self.main, x) if lean else self.main(x)
        return self.drop_path(main) + self.skip(x)


class SparseAttentionBlock(nn.Module):
    """Sparse grid attention with a convolutional local term.

    ``x + drop_path(proj(act(attention(q, k, x_) + v)))`` where q, k and v are grouped 3x3
    convolutions of the projected input ``x_``: the values attended to are ``x_`` itself,
    and v is added after the attention as a local positional term.
    """

    def __init__(
        self,
        channels: int,
        num_heads: int,
        split_size: tuple[int, int],
        sparse_ratio: float,
        act_cfg: Mapping[str, Any] = {'type': 'ReLU'},
        drop_path: float = 0.0,
        attention_kernel: Kernel = 'torch',
    ) -> None:
        super().__init__()
        self.proj_in = conv_x(channels, channels)
        self.q = conv_x(channels, channels, 3, groups=channels // 4)
        self.k = conv_x(channels, channels, 3, groups=channels // 4)
        self.v = conv_x(channels, channels, 3, groups=channels // 4)
        self.attn = SparseGridAttention(num_heads, split_size, sparse_ratio, attention_kernel)
        self.act = MODELS.build(dict(act_cfg))
        self.proj = conv_x(channels, channels)
        self.drop_path = DropPath(drop_path)

    def forward(self, x: Tensor) -> Tensor:
        values = self.proj_in(x)
        q, k, local = self.q(values), self.k(values), self.v(values)
        return x + self.drop_path(self.proj(self.attn(q, k, values, local, self.act)))
