"""With which arguments the kernels of the grouped convolution are called.

Imports Triton, as the kernels do.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from . import triton_grouped_conv as kernels
from .triton_use import INTERPRETED

#: Channels of a dense group of the packed form and of the weight's gradient; 16 is the least.
PACKED_CHANNELS = 16
#: Pixels of a thread of the direct form, and warps of a program.
DIRECT_PIXELS, DIRECT_WARPS = 8, 4
#: Of the gradient by the input of stride 2, which has fewer taps a pixel and more to keep.
STRIDE_2_PIXELS = 4
#: Pixels of a program of the packed form and of the weight's gradient, and warps.
PACKED_PIXELS, PACKED_WARPS = 256, 4
GRADIENT_PIXELS, GRADIENT_WARPS = 32, 1
#: Groups of a program of the direct form, at most.
MOST_GROUPS = 32
#: Pixels whose part of the weight's gradient one program adds up, at least, and the most programs.
PART_PIXELS, MOST_PARTS = 512, 4096


class Launch(NamedTuple):
    """One call of a kernel; kept apart from the call so that it can be compiled without a GPU.

    Attributes:
        kernel: what :func:`triton.jit` gives.
        programs: size of the grid.
        arguments: by name, compile-time constants included.
        num_warps: of a program.
    """

    kernel: Any
    programs: int
    arguments: dict[str, Any]
    num_warps: int

    def run(self) -> None:
        self.kernel[(self.programs,)](**self.arguments, num_warps=self.num_warps)


def convolution(
    x: Tensor,
    weight: Tensor,
    shift: Tensor | None,
    out: Tensor,
    stride: int = 1,
    relu: bool = False,
    packed: bool = False,
) -> Launch:
    """Write ``relu(conv(x, weight) + shift)`` to ``out``.

    Args:
        x: ``(N, C, H, W)`` in channels_last memory.
        weight: packed, ``(3, 3, 4, C)``.
        shift: ``(C,)``, or nothing to add.
        out: ``(N, C, ceil(H / stride), ceil(W / stride))`` in channels_last memory.
        stride: 1 or 2.
        relu: whether negative sums become zero.
        packed: take the form for tensor cores.
    """
    count, channels, height, width = x.shape
    out_height, out_width = out.shape[2:]
    groups, lanes = _groups_of_a_program(channels)
    pixels = PACKED_PIXELS if packed else DIRECT_PIXELS * lanes
    tiles = cdiv(count * out_height * out_width, pixels)
    arguments = {
        'x_ptr': x,
        'weight_ptr': weight,
        'shift_ptr': shift,
        'out_ptr': out,
        'height': height,
        'width': width,
        'out_height': out_height,
        'out_width': out_width,
        'pixels': count * out_height * out_width,
        'CHANNELS': channels,
        'STRIDE': stride,
        'HAS_SHIFT': shift is not None,
        'RELU': relu,
    }
    if packed:
        arguments |= {'PIXELS': pixels, 'TILE': PACKED_CHANNELS, 'WIDEN': INTERPRETED}
        programs = tiles * cdiv(channels, PACKED_CHANNELS)
        return Launch(kernels.packed_convolution, programs, arguments, PACKED_WARPS)
    arguments |= {'PIXELS': DIRECT_PIXELS, 'GROUPS': groups, 'LANES': lanes}
    programs = tiles * (channels // (4 * groups))
    return Launch(kernels.direct_convolution, programs, arguments, DIRECT_WARPS)


def input_gradient_of_stride_2(gradient: Tensor, weight: Tensor, out: Tensor) -> Launch:
    """Write the gradient by the input of a convolution of stride 2 to ``out``.

    A program has pixels whose rows are all even or all odd, and so the columns: the same one, two
    or four of the nine taps reach each of them.

    Args:
        gradient: by the output, ``(N, C, ceil(H / 2), ceil(W / 2))`` in channels_last memory.
        weight: packed, with input and output channels of each group exchanged.
        out: ``(N, C, H, W)`` in channels_last memory.
    """
    count, channels, height, width = out.shape
    groups, lanes = _groups_of_a_program(channels)
    pixels = count * cdiv(height, 2) * cdiv(width, 2)
    tiles = cdiv(pixels, STRIDE_2_PIXELS * lanes)
    arguments = {
        'gradient_ptr': gradient,
        'weight_ptr': weight,
        'out_ptr': out,
        'height': height,
        'width': width,
        'pixels': pixels,
        'CHANNELS': channels,
        'PIXELS': STRIDE_2_PIXELS,
        'GROUPS': groups,
        'LANES': lanes,
    }
    programs = 4 * tiles * (channels // (4 * groups))
    return Launch(kernels.stride_2_input_gradient, programs, arguments, DIRECT_WARPS)


def weight_gradient_parts(x: Tensor, gradient: Tensor, out: Tensor, stride: int) -> Launch:
    """Write parts of the gradient by the packed weight, each a sum over some pixels, to ``out``.

    Args:
        x: ``(N, C, H, W)`` in channels_last memory.
        gradient: by the output, in channels_last memory.
        out: ``(parts, 3, 3, 4, C)`` float32, with the parts of :func:`count_parts`.
        stride: 1 or 2.
    """
    channels, height, width = x.shape[1:]
    out_height, out_width = gradient.shape[2:]
    pixels = len(x) * out_height * out_width
    arguments = {
        'x_ptr': x,
        'gradient_ptr': gradient,
        'out_ptr': out,
        'height': height,
        'width': width,
        'out_height': out_height,
        'out_width': out_width,
        'pixels': pixels,
        'pixels_a_part': cdiv(pixels, len(out)),
        'CHANNELS': channels,
        'STRIDE': stride,
        'PIXELS': GRADIENT_PIXELS,
        'TILE': PACKED_CHANNELS,
        'WIDEN': INTERPRETED,
    }
    programs = len(out) * cdiv(channels, PACKED_CHANNELS)
    return Launch(kernels.weight_gradient, programs, arguments, GRADIENT_WARPS)


def count_parts(pixels: int, channels: int) -> int:
    """Parts of a weight's gradient: the same on every device, so that sums are, too."""
    most = MOST_PARTS // cdiv(channels, PACKED_CHANNELS)
    return max(1, min(most, pixels // PART_PIXELS))


def empty_map(x: Tensor, height: int, width: int) -> Tensor:
    """A map of ``x``'s images and channels, type and device, in channels_last memory."""
    return torch.empty(
        (*x.shape[:2], height, width),
        dtype=x.dtype,
        device=x.device,
        memory_format=torch.channels_last,
    )


def _groups_of_a_program(channels: int) -> tuple[int, int]:
    """Groups of a program of the direct form, and how many threads each has.

    The groups are the largest power of two that divides all, so that no channel needs a mask.
    """
    groups = channels // 4
    groups = min(MOST_GROUPS, groups & -groups)
    return groups, 32 * DIRECT_WARPS // groups


def cdiv(number: int, divisor: int) -> int:
    """A quotient rounded up."""
    return -(-number // divisor)
