"""BatchNorm over the batches of all CPU processes, to compare them with one process.

torch's ``SyncBatchNorm`` takes no CPU tensors, and its GPUs would be needed otherwise.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _BatchNorm


class JointBatchNorm(_BatchNorm):
    """BatchNorm whose training statistics are those of all ranks' batches together.

    Gradients flow through the statistics, so they are those of one process with the joint
    batch. It needs a momentum, running statistics, weight and bias.
    """

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return F.batch_norm(
                x, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps
            )
        dims = [dim for dim in range(x.dim()) if dim != 1]
        shape = [-1 if dim == 1 else 1 for dim in range(x.dim())]
        count = x.new_tensor([x.numel() / x.shape[1]])
        sums = _SumOverRanks.apply(torch.cat([x.sum(dims), count]))
        total = sums[-1].detach()
        mean = sums[:-1] / total
        centered = x - mean.view(shape)
        variance = _SumOverRanks.apply(centered.square().sum(dims)) / total
        self.num_batches_tracked.add_(1)
        self.running_mean.lerp_(mean.detach(), self.momentum)
        self.running_var.lerp_(variance.detach() * total / (total - 1), self.momentum)
        result = centered * torch.rsqrt(variance + self.eps).view(shape)
        return result * self.weight.view(shape) + self.bias.view(shape)

    def _check_input_dim(self, x: Tensor) -> None:
        """Any number of dimensions from two on."""


def join_batch_norms(module: nn.Module) -> nn.Module:
    """Make every BatchNorm a :class:`JointBatchNorm`; state and objects stay the same."""
    for layer in module.modules():
        if isinstance(layer, _BatchNorm):
            layer.__class__ = JointBatchNorm
    return module


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
