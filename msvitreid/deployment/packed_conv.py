from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from msvitreid.deployment.fused import FusedConv

#: Channels of a packed group: one vector register of float32, where there are AVX-512's.
GROUP_CHANNELS = 16


class PackedConv(nn.Module):
    """A :class:`FusedConv` in operations that convert, with its narrow groups packed.

    Neighboring groups of few channels become one of 16, whose weights between channels of
    different groups are zero: the same sums, with more of a register in use.
    """

    weight: Tensor
    bias: Tensor

    def __init__(self, conv: FusedConv) -> None:
        super().__init__()
        stride, padding, dilation, groups = conv.settings
        joined = groups_to_join(conv.weight, groups)
        self.register_buffer('weight', pack_groups(conv.weight, groups, joined))
        self.register_buffer('bias', conv.bias)
        self.settings = (stride, padding, dilation, groups // joined)
        self.act = conv.act

    def forward(self, x: Tensor, add: Tensor | None = None) -> Tensor:
        x = F.conv2d(x, self.weight, self.bias, *self.settings)
        if add is not None:
            return x + add
        return x if self.act is None else self.act(x)


def groups_to_join(weight: Tensor, groups: int) -> int:
    """How many neighboring groups make one of at most :data:`GROUP_CHANNELS` channels."""
    outputs, inputs = len(weight) // groups, weight.shape[1]
    joined = max(1, min(groups, GROUP_CHANNELS // max(outputs, inputs)))
    while groups % joined:
        joined -= 1
    return joined


def pack_groups(weight: Tensor, groups: int, joined: int) -> Tensor:
    """``(O, I, h, w)`` of ``groups`` groups to ``(O, joined * I, h, w)`` of fewer groups."""
    outputs, inputs, height, width = weight.shape
    blocks = weight.view(groups // joined, joined, outputs // groups, inputs, height, width)
    packed = blocks.new_zeros(*blocks.shape[:3], joined, inputs, height, width)
    same = torch.arange(joined)
    packed[:, same, :, same] = blocks.transpose(0, 1)
    return packed.view(outputs, joined * inputs, height, width)


def pack_convolutions(module: nn.Module) -> nn.Module:
    """``module`` with a :class:`PackedConv` in place of every :class:`FusedConv`."""
    for name, child in module.named_children():
        setattr(module, name, pack_convolutions(child))
    return PackedConv(module) if isinstance(module, FusedConv) else module
