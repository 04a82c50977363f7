"""The time in which a device can move what a net's layers read and write.

Each convolution, linear layer and attention reads its inputs and its parameters and writes its
output once; BatchNorm, activations and additions count nothing, as they can be done in the
convolutions' own passes. Everything goes at the speed of a large copy. That is the least traffic
of a net that runs layer by layer when nothing stays in caches. Small batches do stay in them, at
least in part, and may take less time than this.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from .device import Setting
from .timing import paired

COPIED_BYTES = 256 << 20
#: A call's, so that waiting for a GPU is little of its time.
COPIES = 4


def copy_bandwidth(setting: Setting, size: int | None = None) -> float:
    """Bytes read and written in a second when a large buffer is copied, at best."""
    size = COPIED_BYTES if size is None else size
    source = torch.zeros(size, dtype=torch.uint8, device=setting.device)
    target = torch.empty_like(source)

    def copy() -> None:
        for _ in range(COPIES):
            target.copy_(source)
        setting.wait()

    return 2 * size * COPIES / min(paired({'copy': copy})['copy'])


def moved_bytes(model: nn.Module, batch: Tensor, setting: Setting) -> int:
    """Bytes that the layers of an unfused net read and write in one forward pass."""
    total = 0

    def count(layer: nn.Module, inputs: Sequence[Any], output: Tensor) -> None:
        nonlocal total
        # Attention is given its activation, too.
        tensors = filter(torch.is_tensor, (*inputs, *layer.parameters(), output))
        total += sum(tensor.numel() * tensor.element_size() for tensor in tensors)

    layers = [
        layer
        for layer in model.modules()
        if not any(layer.children())
        and any(True for _ in layer.parameters())
        and not isinstance(layer, _BatchNorm)
    ]
    hooks = [layer.register_forward_hook(count) for layer in layers]
    with torch.inference_mode(), setting.autocast():
        model(batch)
    for hook in hooks:
        hook.remove()
    return total
