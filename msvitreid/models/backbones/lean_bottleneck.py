"""A bottleneck's main path in training, with a backward pass that keeps less."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from msvitreid.models.kernels.grouped_conv import GroupedConv2d

from .squeeze_excitation import SqueezeExcitation

aten = torch.ops.aten

HOOKS = ('forward', 'forward_pre', 'backward', 'backward_pre')


def lean_bottleneck(main: nn.Sequential, x: Tensor) -> Tensor:
    """``main(x)``, of which only the results of its convolutions are kept for the backward pass.

    Normalized, activated and gated maps cost little to compute again. The result is equal to
    ``main(x)`` bit by bit, gradients up to rounding, and the running statistics follow the batch
    once. There is no second derivative, and none in forward mode.

    Args:
        main: 1x1 convolution, grouped 3x3, squeeze-excitation and 1x1 convolution of a
            ``CNNBlock`` that :func:`can_use_lean_bottleneck`.
        x: ``(N, C, H, W)``.
    """
    layers: Any = main
    expand, grouped, gates, project = layers
    conv, norms = grouped.conv, (expand.norm, grouped.norm)
    for norm in norms:
        norm.num_batches_tracked.add_(1)
    x = _Bottleneck.apply(
        x,
        expand.conv.weight,
        norms[0].weight,
        norms[0].bias,
        conv.weight,
        norms[1].weight,
        norms[1].bias,
        gates.reduce.weight,
        gates.reduce.bias,
        gates.expand.weight,
        gates.expand.bias,
        project.conv.weight,
        [(n.running_mean, n.running_var, True, n.momentum, n.eps) for n in norms],
        (conv.stride, conv.padding, conv.dilation, False, (0, 0), conv.groups),
    )
    return cast(Tensor, project.norm(x))


def can_use_lean_bottleneck(main: nn.Sequential, x: Tensor) -> bool:
    """Whether :func:`lean_bottleneck` computes ``main(x)``.

    It does in training on the CPU, see :func:`can_recompute`, with exactly the layers that
    ``CNNBlock`` builds, ReLU, and no hooks on them.
    """
    return (
        can_recompute(x)
        and main.training
        and len(x) > 1  # of one pixel in all, torch refuses statistics
        and {name: type(layer) for name, layer in main.named_modules()} in _LAYERS
        and all(map(_is_plain, main.modules()))
        and _is_pointwise(main.get_submodule('0.conv'))
        and _is_pointwise(main.get_submodule('3.conv'))
        and main.get_submodule('1.conv').bias is None
    )


def can_recompute(x: Tensor) -> bool:
    """Whether a backward pass of our own takes the place of the layers' for an input.

    It does on the CPU, in float32 or float64 without autocast, where a gradient is wanted. A
    compiler fuses layers by itself; traces, forward-mode derivatives and those of
    ``torch.func`` need the layers.
    """
    return (
        isinstance(x, Tensor)  # no proxy of a tracer
        and torch.is_grad_enabled()
        and not torch.compiler.is_compiling()
        and not cast(Any, torch.jit).is_tracing()
        and not torch._C._are_functorch_transforms_active()  # noqa: SLF001
        and x.device.type == 'cpu'
        and x.dtype in (torch.float32, torch.float64)
        and not torch.is_autocast_enabled('cpu')
        and forward_ad._current_level < 0  # noqa: SLF001
    )


def _layers(grouped: type[nn.Module]) -> dict[str, type[nn.Module]]:
    """Types of a main path's modules by name."""
    kinds: dict[str, type[nn.Module]] = {'': nn.Sequential}
    for place, conv in (('0', nn.Conv2d), ('1', grouped), ('3', nn.Conv2d)):
        kinds |= {place: nn.Sequential, f'{place}.conv': conv, f'{place}.norm': nn.BatchNorm2d}
    kinds |= {'0.act': nn.ReLU, '1.act': nn.ReLU, '2': SqueezeExcitation, '2.act': nn.ReLU}
    kinds |= {'2.pool': nn.AdaptiveAvgPool2d, '2.reduce': nn.Conv2d, '2.expand': nn.Conv2d}
    return {**kinds, '2.gate': nn.Sigmoid}


_LAYERS = [_layers(nn.Conv2d), _layers(GroupedConv2d)]


def _is_plain(layer: nn.Module) -> bool:
    if 'forward' in vars(layer) or any(getattr(layer, f'_{kind}_hooks') for kind in HOOKS):
        return False
    if isinstance(layer, nn.BatchNorm2d):
        # No momentum is an average of all batches, by a factor that torch computes.
        return (
            layer.training
            and layer.affine
            and layer.num_batches_tracked is not None
            and layer.momentum is not None
        )
    if isinstance(layer, nn.Conv2d):
        return layer.padding_mode == 'zeros' and isinstance(layer.padding, tuple)
    return True


def _is_pointwise(conv: Any) -> bool:
    shape = conv.kernel_size, conv.stride, conv.padding, conv.groups
    return shape == ((1, 1), (1, 1), (0, 0), 1) and conv.bias is None


class _Bottleneck(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight1: Tensor,
        scale1: Tensor,
        shift1: Tensor,
        weight2: Tensor,
        scale2: Tensor,
        shift2: Tensor,
        reduce: Tensor,
        reduce_bias: Tensor,
        expand: Tensor,
        expand_bias: Tensor,
        weight3: Tensor,
        statistics: list[tuple[Any, ...]],
        conv: tuple[Any, ...],
    ) -> Tensor:
        expanded = F.conv2d(x, weight1)
        y, mean1, invstd1 = aten.native_batch_norm(expanded, scale1, shift1, *statistics[0])
        grouped = F.conv2d(y.relu_(), weight2, None, conv[0], conv[1], conv[2], conv[-1])
        y, mean2, invstd2 = aten.native_batch_norm(grouped, scale2, shift2, *statistics[1])
        pooled = F.adaptive_avg_pool2d(y.relu_(), 1)
        hidden = F.conv2d(pooled, reduce, reduce_bias).relu_()
        gate = F.conv2d(hidden, expand, expand_bias).sigmoid_()
        ctx.conv = conv
        ctx.save_for_backward(
            *(x, weight1, expanded, scale1, shift1, mean1, invstd1),
            *(weight2, grouped, scale2, shift2, mean2, invstd2),
            *(pooled, reduce, hidden, expand, gate, weight3),
        )
        return F.conv2d(y.mul_(gate), weight3)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        saved = ctx.saved_tensors  # once: a checkpoint computes them at the first look
        x, weight1, expanded, *norm1 = saved[:7]
        weight2, grouped, *norm2 = saved[7:13]
        pooled, reduce, hidden, expand, gate, weight3 = saved[13:]
        needs = ctx.needs_input_grad
        pointwise = ((1, 1), (0, 0), (1, 1), False, (0, 0), 1)

        y = _norm_relu(grouped, *norm2)
        gated = y * gate
        grad, by_weight3, _ = aten.convolution_backward(
            grad, gated, weight3, None, *pointwise, [True, needs[11], False]
        )
        by_gate = torch.mul(grad, y, out=gated).sum((2, 3), keepdim=True)
        del gated
        by_gate = by_gate * gate * (1 - gate)
        by_hidden, by_expand, by_expand_bias = aten.convolution_backward(
            by_gate, hidden, expand, expand.shape[:1], *pointwise, [True, *needs[9:11]]
        )
        by_hidden = by_hidden * (hidden > 0)
        by_pooled, by_reduce, by_reduce_bias = aten.convolution_backward(
            by_hidden, pooled, reduce, reduce.shape[:1], *pointwise, [True, *needs[7:9]]
        )
        torch.addcmul(by_pooled / y[0, 0].numel(), grad, gate, out=grad)
        grad, by_scale2, by_shift2 = _norm_relu_backward(grad, y, grouped, norm2, needs[5:7])
        y = _norm_relu(expanded, *norm1)
        grad, by_weight2, _ = aten.convolution_backward(
            grad, y, weight2, None, *ctx.conv, [True, needs[4], False]
        )
        grad, by_scale1, by_shift1 = _norm_relu_backward(grad, y, expanded, norm1, needs[2:4])
        del y
        by_x, by_weight1, _ = aten.convolution_backward(
            grad, x, weight1, None, *pointwise, [*needs[:2], False]
        )
        return (
            *(by_x, by_weight1, by_scale1, by_shift1, by_weight2, by_scale2, by_shift2),
            *(by_reduce, by_reduce_bias, by_expand, by_expand_bias, by_weight3, None, None),
        )


def _norm_relu(x: Tensor, scale: Tensor, shift: Tensor, mean: Tensor, invstd: Tensor) -> Tensor:
    return torch.batch_norm(
        x, scale, shift, mean, invstd.pow(-2), False, 0.0, 0.0, False
    ).relu_()


def _norm_relu_backward(
    grad: Tensor, y: Tensor, x: Tensor, norm: list[Tensor], needs: tuple[bool, ...]
) -> tuple[Tensor, Tensor, Tensor]:
    """By the input, scale and shift of ``y``; ``grad`` is written to."""
    scale, _, mean, invstd = norm
    aten.threshold_backward.grad_input(grad, y, 0, grad_input=grad)
    # The statistics are those of the batch, so neither running ones nor eps are read.
    found: tuple[Tensor, Tensor, Tensor] = aten.native_batch_norm_backward(
        grad, x, scale, None, None, mean, invstd, True, 0.0, [True, *needs]
    )
    return found
