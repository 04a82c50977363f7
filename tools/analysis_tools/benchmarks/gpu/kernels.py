"""Our kernels alone, on the maps of the published nets: how far from float64, and how fast."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.results import Result
from msvitreid.models.backbones import SparseGridAttention
from msvitreid.models.kernels import grouped_conv3x3

from .job import Job
from .nets import require_kernels
from .sizes import Sizes
from .timed import memory_of, setting_of, timed

#: Largest distance from float64, as a share of the norm, that rounding explains.
TOLERANCE = {'float32': 1e-4, 'float16': 1e-2, 'bfloat16': 5e-2}
#: Images that are compared: float64 takes 4 times the memory.
COMPARED = 4


def attention(
    sizes: Sizes,
    job: Job,
    channels: int,
    heads: int,
    size: tuple[int, int],
    dtype: str,
    by: str,
) -> list[Result]:
    """Attention, what is added and ReLU, forward and backward.

    The limit: the forward pass reads four maps and writes one; the backward pass reads those
    three, the output and its gradient, and writes four gradients.
    """
    require_kernels(sizes)
    torch.manual_seed(0)
    kernel = 'triton' if by == 'kernel' else 'torch'
    layer = SparseGridAttention(heads, sizes.split, 0.3, kernel=kernel).to(sizes.device)
    exact = SparseGridAttention(heads, sizes.split, 0.3).to(sizes.device).double()
    act = nn.ReLU()
    given = [maps(sizes, channels, size, dtype) for _ in range(4)]

    def call(module: nn.Module, inputs: Sequence[Tensor]) -> Tensor:
        return module(*inputs, act)

    return _measure(
        sizes,
        job,
        dtype,
        (lambda x: call(layer, x), lambda x: call(exact, x)),
        given,
        [],
        14 * given[0].nbytes,
    )


def convolution(
    sizes: Sizes,
    job: Job,
    channels: int,
    size: tuple[int, int],
    stride: int,
    dtype: str,
    by: str,
) -> list[Result]:
    """A 3x3 convolution with four channels a group, forward and backward.

    The limit: the forward pass reads the input and writes the output; the backward pass reads
    both the output's gradient and the input, and writes the input's gradient.
    """
    require_kernels(sizes)
    x = maps(sizes, channels, size, dtype)
    weight = torch.randn(channels, 4, 3, 3, device=sizes.device) / 6

    def own(inputs: Sequence[Tensor]) -> Tensor:
        x, weight = inputs
        return grouped_conv3x3(x, weight, stride=stride)

    def torchs(inputs: Sequence[Tensor]) -> Tensor:
        x, weight = inputs
        return F.conv2d(x, weight.to(x.dtype), None, stride, 1, groups=channels // 4)

    least = 3 * x.nbytes + 2 * x.nbytes // stride**2
    calls = own if by == 'kernel' else torchs, torchs
    return _measure(sizes, job, dtype, calls, [x], [weight], least)


def maps(sizes: Sizes, channels: int, size: tuple[int, int], dtype: str) -> Tensor:
    """Random ones, in channels_last memory."""
    made = torch.randn(sizes.kernel_batch, channels, *size, device=sizes.device)
    return made.to(getattr(torch, dtype), memory_format=torch.channels_last)


def _measure(
    sizes: Sizes,
    job: Job,
    dtype: str,
    calls: tuple[Callable[[Sequence[Tensor]], Tensor], ...],
    given: Sequence[Tensor],
    weights: Sequence[Tensor],
    least: int,
) -> list[Result]:
    """Seconds of the first call with its backward pass, and its distance from the second's."""
    call, exact = calls
    setting = setting_of(sizes, 'float32')
    few = [*(x[:COMPARED] for x in given), *weights]
    found = _gradients(call, few)
    expected = _gradients(exact, [x.double() for x in few])
    errors = [
        float((ours.double() - theirs).norm() / theirs.norm().clamp(min=1e-12))
        for ours, theirs in zip(found, expected, strict=True)
    ]
    # Also of NaN.
    wrong = not all(error <= TOLERANCE[dtype] for error in errors)
    leaves = [x.detach().requires_grad_() for x in (*given, *weights)]
    cotangent = torch.ones_like(call(leaves))

    def step() -> Any:
        return torch.autograd.grad(call(leaves), leaves, cotangent)

    return [
        job.result(
            timed(step, sizes, setting),
            memory_mib=memory_of(step, sizes, setting),
            limit_seconds=least / sizes.bandwidth,
            note=f'{"WRONG: " if wrong else ""}output differs by {errors[0]:.1g}, gradients by '
            f'{max(errors[1:]):.1g} of the norm in float64',
        )
    ]


def _gradients(
    call: Callable[[Sequence[Tensor]], Tensor], given: Sequence[Tensor]
) -> list[Tensor]:
    """The output, and the gradients of all that is given."""
    leaves = [x.detach().requires_grad_() for x in given]
    output = call(leaves)
    generator = torch.Generator().manual_seed(1)
    cotangent = torch.randn(output.shape, generator=generator).to(output.device)
    return [output.detach(), *torch.autograd.grad(output, leaves, cotangent.to(output.dtype))]
