"""BatchNorm over the batches of all ranks, on GPUs and on the CPU."""

from __future__ import annotations

from typing import Any

import torch
from mmengine.dist import is_distributed
from mmengine.model import convert_sync_batchnorm
from torch import Tensor, distributed, nn
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _BatchNorm

from msvitreid.errors import ConfigError


def synchronize_bn(model: nn.Module) -> nn.Module:
    """Replace every BatchNorm below ``model`` by one over all ranks' batches.

    Parameters and buffers stay the same objects. On GPUs it is torch's ``SyncBatchNorm``,
    which takes no CPU tensors; on the CPU it is :class:`CPUSyncBatchNorm`. In a single
    process nothing changes.

    Raises:
        ConfigError: on the CPU, a BatchNorm has no momentum or no running statistics.
    """
    if not is_distributed():
        return model
    device = next(model.parameters()).device.type
    return convert_sync_batchnorm(model) if device == 'cuda' else _convert(model)


class CPUSyncBatchNorm(_BatchNorm):
    """BatchNorm whose training statistics are those of all ranks' batches together.

    Ranks may have batches of different sizes. Gradients flow through the statistics, so
    they are those of one process with the joint batch. Shapes are ``BatchNorm2d``'s and
    ``BatchNorm1d``'s.
    """

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return F.batch_norm(
                x, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps
            )
        given, x = x.dtype, x.to(torch.promote_types(x.dtype, torch.float32))
        dims = [dim for dim in range(x.dim()) if dim != 1]
        shape = [-1 if dim == 1 else 1 for dim in range(x.dim())]
        count = x.new_tensor([x.numel() / x.shape[1]])
        sums = _SumOverRanks.apply(torch.cat([x.sum(dims), count]))
        total = sums[-1].detach()
        mean = sums[:-1] / total
        # Of the centred values: the squares' mean minus the mean's square would cancel.
        centred = x - mean.view(shape)
        variance = _SumOverRanks.apply(centred.square().sum(dims)) / total
        self._follow(mean.detach(), variance.detach() * total / (total - 1))
        result = centred * torch.rsqrt(variance + self.eps).view(shape)
        if self.affine:
            result = result * self.weight.view(shape) + self.bias.view(shape)
        return result.to(given)

    def _follow(self, mean: Tensor, unbiased: Tensor) -> None:
        running_mean, running_var = self.running_mean, self.running_var
        assert running_mean is not None and running_var is not None  # noqa: PT018
        assert self.num_batches_tracked is not None and self.momentum is not None  # noqa: PT018
        self.num_batches_tracked.add_(1)
        running_mean.lerp_(mean, self.momentum)
        running_var.lerp_(unbiased, self.momentum)

    def _check_input_dim(self, x: Tensor) -> None:
        """Any number of dimensions from two on."""


class _SumOverRanks(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        total = values.clone()
        distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        total = gradient.contiguous().clone()
        distributed.all_reduce(total)
        return total


def _convert(module: nn.Module) -> nn.Module:
    if isinstance(module, _BatchNorm):
        if module.momentum is None or not module.track_running_stats:
            raise ConfigError(
                'sync_bn on the CPU takes BatchNorm with a momentum and running statistics only, '
                f'not {module}; train without sync_bn'
            )
        layer = CPUSyncBatchNorm(
            module.num_features, module.eps, module.momentum, module.affine
        )
        layer.weight, layer.bias = module.weight, module.bias
        layer.running_mean, layer.running_var = module.running_mean, module.running_var
        layer.num_batches_tracked = module.num_batches_tracked
        return layer.train(module.training)
    for name, child in module.named_children():
        setattr(module, name, _convert(child))
    return module
