"""3x3 convolutions with four channels a group on a GPU, computed by kernels of our own.

cuDNN is slow at few channels a group in half precision. Elsewhere, on the CPU for instance, torch's
convolution computes them.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from msvitreid.errors import ConfigError

from .triton_use import INTERPRETED, on_device

#: Channels of a group.
GROUP = 4


def grouped_conv3x3(
    x: Tensor,
    weight: Tensor,
    shift: Tensor | None = None,
    stride: int = 1,
    relu: bool = False,
    packed: bool = True,
) -> Tensor:
    """``relu(conv(x) + shift)`` of a 3x3 convolution with four channels a group and padding 1.

    Products are added in float32 whatever the maps' type is; no gradient depends on chance. Double
    backward is not supported by the kernels.

    Args:
        x: ``(N, C, H, W)``; fastest in channels_last memory, which others are copied to.
        weight: ``(C, 4, 3, 3)``, cast to the type of ``x``. A BatchNorm's scale belongs in it.
        shift: ``(C,)``, added to each channel, or ``None``.
        stride: 1 or 2.
        relu: whether negative sums become zero.
        packed: use tensor cores where maps are float16 or bfloat16; otherwise add products one
            after another. On tensor cores infinity or NaN in a channel makes all channels of its
            block of 16 NaN.

    Returns:
        ``(N, C, ceil(H / stride), ceil(W / stride))``, in channels_last memory where a kernel ran.

    Raises:
        ValueError: channels, groups or stride are others.
        ConfigError: Triton, which a CUDA device needs here, is not installed.
    """
    channels = x.shape[1] if x.dim() == 4 else 0
    if tuple(weight.shape) != (channels, GROUP, 3, 3) or channels % GROUP:
        raise ValueError(
            f'weight must be (C, {GROUP}, 3, 3) of maps (N, C, H, W), got '
            f'{tuple(weight.shape)} and {tuple(x.shape)}'
        )
    if stride not in (1, 2):
        raise ValueError(f'stride must be 1 or 2, got {stride}')
    if runs_in_kernel(x):
        return _grouped_conv3x3(x, weight, shift, stride, relu, packed)
    x = F.conv2d(x, weight, shift, stride, padding=1, groups=channels // GROUP)
    return x.relu() if relu else x


def runs_in_kernel(x: Tensor) -> bool:
    """Whether a kernel takes these maps: float16, bfloat16 or float32, not empty, on a GPU.

    With ``TRITON_INTERPRET=1`` Triton's interpreter takes those on the CPU.
    """
    return (
        x.dtype in (torch.float16, torch.bfloat16, torch.float32)
        and x.numel() > 0
        and (x.is_cuda or INTERPRETED)
    )


class GroupedConv2d(nn.Conv2d):
    """A convolution that :func:`use_grouped_conv_kernel` has taken."""

    def forward(self, x: Tensor) -> Tensor:
        if not runs_in_kernel(x):
            return super().forward(x)
        return grouped_conv3x3(x, self.weight, self.bias, self.stride[0])


def use_grouped_conv_kernel(module: nn.Module) -> int:
    """Have a net compute its 3x3 convolutions with four channels a group by kernels on GPUs.

    Names and values of its weights stay, and so do all other nets. A fused net, which has no
    ``nn.Conv2d``, is taken too: any module can say how it is by ``take_grouped_conv_kernel``.

    Returns:
        how many convolutions were taken, those that were before included.
    """
    count = 0
    for part in module.modules():
        if type(part) is nn.Conv2d and fits_kernel(part):
            part.__class__ = GroupedConv2d
        take = getattr(part, 'take_grouped_conv_kernel', None)
        count += isinstance(part, GroupedConv2d) if take is None else take()
    return count


def fits_kernel(conv: nn.Conv2d) -> bool:
    """Whether a convolution is one that the kernels compute."""
    return (
        conv.in_channels == conv.out_channels == GROUP * conv.groups
        and conv.kernel_size == (3, 3)
        and conv.stride in ((1, 1), (2, 2))
        and conv.padding == (1, 1)
        and conv.dilation == (1, 1)
        and conv.padding_mode == 'zeros'
    )


def pack_weight(weight: Tensor, dtype: torch.dtype) -> Tensor:
    """``(C, 4, 3, 3)`` to ``(3, 3, 4, C)``: the last axis is the output channel."""
    return weight.detach().to(dtype).permute(2, 3, 1, 0).contiguous()


def pack_transposed_weight(weight: Tensor, dtype: torch.dtype) -> Tensor:
    """As :func:`pack_weight`, input and output channels of each group exchanged."""
    taps = weight.detach().to(dtype).unflatten(0, (-1, GROUP)).permute(3, 4, 1, 0, 2)
    return taps.reshape(3, 3, GROUP, len(weight)).contiguous()


# Torch 2.4 does not read annotations that are text.
@torch.library.custom_op(
    'msvitreid::grouped_conv3x3',
    mutates_args=(),
    schema='(Tensor x, Tensor weight, Tensor? shift, int stride, bool relu, bool packed) -> Tensor',
)
def _grouped_conv3x3(
    x: Tensor, weight: Tensor, shift: Tensor | None, stride: int, relu: bool, packed: bool
) -> Tensor:
    launch = _launch()
    x = _channels_last(x)
    out = launch.empty_map(x, *(-(-side // stride) for side in x.shape[2:]))
    packed = packed and x.dtype != torch.float32
    if shift is not None:
        shift = shift.detach().contiguous()
    with on_device(x.device):
        launch.convolution(
            x, pack_weight(weight, x.dtype), shift, out, stride, relu, packed
        ).run()
    return out


@torch.library.custom_op(
    'msvitreid::grouped_conv3x3_input_gradient',
    mutates_args=(),
    schema='(Tensor gradient, Tensor weight, int height, int width, int stride, bool packed) '
    '-> Tensor',
)
def _input_gradient(
    gradient: Tensor, weight: Tensor, height: int, width: int, stride: int, packed: bool
) -> Tensor:
    launch = _launch()
    gradient = _channels_last(gradient)
    out = launch.empty_map(gradient, height, width)
    transposed = pack_transposed_weight(weight, gradient.dtype)
    packed = packed and gradient.dtype != torch.float32
    with on_device(gradient.device):
        if stride == 1:
            turned = transposed.flip(0, 1)
            launch.convolution(gradient, turned, None, out, packed=packed).run()
        else:
            launch.input_gradient_of_stride_2(gradient, transposed, out).run()
    return out


@torch.library.custom_op(
    'msvitreid::grouped_conv3x3_weight_gradient',
    mutates_args=(),
    schema='(Tensor x, Tensor gradient, int stride) -> Tensor',
)
def _weight_gradient(x: Tensor, gradient: Tensor, stride: int) -> Tensor:
    """In float32, ``(C, 4, 3, 3)``."""
    launch = _launch()
    x, gradient = _channels_last(x), _channels_last(gradient)
    parts = launch.count_parts(gradient[:, 0].numel(), x.shape[1])
    out = torch.empty(parts, 3, 3, GROUP, x.shape[1], device=x.device)
    with on_device(x.device):
        launch.weight_gradient_parts(x, gradient, out, stride).run()
    return out.sum(0).permute(3, 2, 0, 1).contiguous()


@_grouped_conv3x3.register_fake
def _(
    x: Tensor, weight: Tensor, shift: Tensor | None, stride: int, relu: bool, packed: bool
) -> Tensor:
    height, width = ((side + stride - 1) // stride for side in x.shape[2:])
    return x.new_empty(*x.shape[:2], height, width).to(memory_format=torch.channels_last)


@_input_gradient.register_fake
def _(
    gradient: Tensor, weight: Tensor, height: int, width: int, stride: int, packed: bool
) -> Tensor:
    out = gradient.new_empty(*gradient.shape[:2], height, width)
    return out.to(memory_format=torch.channels_last)


@_weight_gradient.register_fake
def _(x: Tensor, gradient: Tensor, stride: int) -> Tensor:
    return x.new_empty(x.shape[1], GROUP, 3, 3, dtype=torch.float32)


def _keep(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    x, weight, shift, ctx.stride, ctx.relu, ctx.packed = inputs
    ctx.size = x.shape[2:]
    ctx.shift_dtype = None if shift is None else shift.dtype
    # What a frozen weight's gradient or a missing ReLU would need is not kept.
    wants_weight = ctx.needs_input_grad[1]
    ctx.save_for_backward(x if wants_weight else None, weight, output if ctx.relu else None)


def _backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
    x, weight, output = ctx.saved_tensors
    if ctx.relu:
        gradient = gradient.masked_fill(output <= 0, 0)
    by_x = by_weight = by_shift = None
    if ctx.needs_input_grad[0]:
        by_x = _input_gradient(gradient, weight, *ctx.size, ctx.stride, ctx.packed)
    if ctx.needs_input_grad[1]:
        by_weight = _weight_gradient(x, gradient, ctx.stride).to(weight.dtype)
    if ctx.needs_input_grad[2]:
        by_shift = gradient.sum((0, 2, 3), dtype=torch.float32).to(ctx.shift_dtype)
    return by_x, by_weight, by_shift, None, None, None


_grouped_conv3x3.register_autograd(_backward, setup_context=_keep)


def _launch() -> Any:
    try:
        from . import grouped_conv_launch
    except ImportError as error:
        raise ConfigError(
            "grouped_conv_kernel='triton' needs Triton on a GPU; install it (pip install triton) "
            "or use 'torch'"
        ) from error
    return grouped_conv_launch


def _channels_last(x: Tensor) -> Tensor:
    return x.detach().contiguous(memory_format=torch.channels_last)
