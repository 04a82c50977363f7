"""A net for inference only: BatchNorm folded into convolutions, fewer passes over the maps."""

from __future__ import annotations

import copy
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from msvitreid.models.backbones.blocks import CNNBlock, SparseAttentionBlock
from msvitreid.models.backbones.msvit import MSViT
from msvitreid.models.backbones.squeeze_excitation import SqueezeExcitation
from msvitreid.models.kernels.grouped_conv import (
    GroupedConv2d,
    fits_kernel,
    grouped_conv3x3,
    runs_in_kernel,
)


def fuse_for_inference(model: nn.Module) -> nn.Module:
    """A copy of ``model`` for evaluation, in which MSViT's blocks take fewer passes.

    Its outputs, and their gradients by the images, are the same up to rounding. It has other
    weights' names, cannot be trained, and does not follow later changes of ``model``. Parts
    that are not MSViT's stay as they are.
    """
    fused = copy.deepcopy(model).requires_grad_(False)
    fused.eval()
    for module in list(fused.modules()):
        # Other nets have layers of the same names in another order.
        if isinstance(module, MSViT):
            _fuse(module)
    return fused


class FusedConv(nn.Module):
    """Convolution, BatchNorm and activation as one convolution with a bias.

    On the CPU the activation, or an addition, is done in the convolution's own pass, where no
    gradient is asked for; on a GPU ReLU is, in a convolution that
    :func:`msvitreid.models.kernels.use_grouped_conv_kernel` has taken before or after.

    Args:
        layers: a bias-free convolution ``conv``, its ``norm`` and, perhaps, ``act``.
    """

    weight: Tensor
    bias: Tensor

    def __init__(self, layers: nn.Sequential) -> None:
        super().__init__()
        conv, norm = cast(nn.Conv2d, layers.conv), cast(nn.BatchNorm2d, layers.norm)
        assert norm.running_mean is not None and norm.running_var is not None  # noqa: PT018
        scale = norm.weight * (norm.running_var + norm.eps).rsqrt()
        weight = conv.weight * scale.view(-1, 1, 1, 1)
        self.register_buffer('weight', weight.contiguous(memory_format=torch.channels_last))
        self.register_buffer('bias', norm.bias - norm.running_mean * scale)
        self.act = getattr(layers, 'act', None)
        self.settings: Any = (conv.stride, conv.padding, conv.dilation, conv.groups)
        self.fits_kernel = fits_kernel(conv)
        self.in_kernel = isinstance(conv, GroupedConv2d)

    def take_grouped_conv_kernel(self) -> bool:
        """Compute by a kernel on GPUs from now on, if it is such a convolution."""
        self.in_kernel = self.fits_kernel
        return self.in_kernel

    def forward(self, x: Tensor, add: Tensor | None = None) -> Tensor:
        """``act(conv(x))``, or ``conv(x) + add`` of a layer without activation."""
        if self.in_kernel and runs_in_kernel(x):
            return self._in_kernel(x, add)
        if _runs_in_one_pass(x):
            return self._in_one_pass(x, add)
        x = F.conv2d(x, self.weight, self.bias, *self.settings)
        if add is not None:
            return x.add_(add)
        return x if self.act is None else self.act(x)

    def _in_kernel(self, x: Tensor, add: Tensor | None) -> Tensor:
        relu = isinstance(self.act, nn.ReLU)
        x = grouped_conv3x3(x, self.weight, self.bias, self.settings[0][0], relu)
        if add is not None:
            return x.add_(add)
        return x if self.act is None or relu else self.act(x)

    def _in_one_pass(self, x: Tensor, add: Tensor | None) -> Tensor:
        stride, padding, dilation, groups = self.settings
        options = (self.weight, self.bias, padding, stride, dilation, groups)
        run = torch.ops.mkldnn._convolution_pointwise  # noqa: SLF001
        if add is not None:
            return run.binary(x, add, *options, 'add', 1.0, None, [], None)
        if isinstance(self.act, nn.ReLU):
            return run(x, *options, 'relu', [], None)
        x = run(x, *options, 'none', [], None)
        return x if self.act is None else self.act(x)


class FusedCNNBlock(nn.Module):
    """A :class:`CNNBlock` of fused convolutions; the skip is added in the last one's pass."""

    def __init__(self, block: CNNBlock) -> None:
        super().__init__()
        self.main = block.main
        self.skip = block.skip

    def forward(self, x: Tensor) -> Tensor:
        expand, group, squeeze, project = self.main
        hidden = group(expand(x))
        scales = cast(SqueezeExcitation, squeeze).scales(hidden)
        # The backward pass needs both factors.
        scaled = hidden * scales if scales.requires_grad else hidden.mul_(scales)
        return project(scaled, self.skip(x))


class FusedAttentionBlock(nn.Module):
    """A :class:`SparseAttentionBlock` of fused convolutions, adding in the last one's pass."""

    def __init__(self, block: SparseAttentionBlock) -> None:
        super().__init__()
        self.proj_in, self.q, self.k, self.v = block.proj_in, block.q, block.k, block.v
        self.attn, self.act, self.proj = block.attn, block.act, block.proj

    def forward(self, x: Tensor) -> Tensor:
        values = self.proj_in(x)
        q, k, local = self.q(values), self.k(values), self.v(values)
        return self.proj(self.attn(q, k, values, local, self.act), x)


def _fuse(module: nn.Module) -> nn.Module:
    for name, child in module.named_children():
        setattr(module, name, _fuse(child))
    if isinstance(module, nn.Sequential) and isinstance(
        getattr(module, 'conv', None), nn.Conv2d
    ):
        return FusedConv(module)
    if isinstance(module, CNNBlock):
        return FusedCNNBlock(module)
    if isinstance(module, SparseAttentionBlock):
        return FusedAttentionBlock(module)
    return module


def _runs_in_one_pass(x: Tensor) -> bool:
    """Whether torch's CPU kernels that inductor uses, not part of its interface, take ``x``.

    They have no backward pass: through them ``x`` would silently get no gradient.
    """
    ops: Any = torch.ops.mkldnn
    return (
        x.device.type == 'cpu'
        and x.dtype == torch.float32
        and not (x.requires_grad and torch.is_grad_enabled())
        and not torch.is_autocast_enabled('cpu')
        and torch.backends.mkldnn.is_available()
        and hasattr(ops, '_convolution_pointwise')
    )
