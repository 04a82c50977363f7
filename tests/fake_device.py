"""A device that is none: tensors that say ``cuda:0`` and are computed on the CPU.

What CUDA refuses or waits for is refused or recorded here, so that a test needs no GPU to see
that code runs on one, gives the CPU's numbers and does not have the host wait. Times and the
rounding of kernels are not seen.
"""

from __future__ import annotations

from typing import Any

import torch
from mmengine.model import BaseDataPreprocessor
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map, tree_map_only

CUDA = torch.device('cuda', 0)
CPU = torch.device('cpu')

#: Operations whose result has a size or is a number that the host has to know.
WAITING = (
    '_local_scalar_dense',
    '_unique2',
    'bincount',
    'equal',
    'is_nonzero',
    'masked_select',
    'nonzero',
    'repeat_interleave',
    'unique_consecutive',
    'unique_dim',
)
INDEXING = ('index', 'index_put', 'index_put_', '_index_put_impl_')
COPYING = ('_to_copy', 'copy_')


class OnDevice(torch.Tensor):
    """Says that it is on a device; ``held`` has the numbers."""

    held: torch.Tensor

    @staticmethod
    def __new__(cls, held: torch.Tensor) -> OnDevice:
        tensor = torch.Tensor._make_wrapper_subclass(
            cls,
            held.size(),
            strides=held.stride(),
            storage_offset=held.storage_offset(),
            dtype=held.dtype,
            layout=held.layout,
            device=CUDA,
            requires_grad=held.requires_grad,
        )
        tensor.held = held
        return tensor

    @classmethod
    def __torch_dispatch__(
        cls, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        raise RuntimeError(f'{func} of a tensor of the fake device, outside of its block')


class FakeDevice(TorchDispatchMode):
    """A block in which ``torch.device('cuda')`` is the fake device.

    Attributes:
        waits: what the host waited for the device for, by the names of the operations.
    """

    def __init__(self) -> None:
        super().__init__()
        # Under this key torch does not look for a driver, as for its own fake tensors.
        self._mode_key = torch._C._TorchDispatchModeKey.FAKE
        torch._C._ensureCUDADeviceGuardSet()
        self.waits: list[str] = []

    def __enter__(self) -> FakeDevice:
        # cuDNN's operations are not to be run on the CPU.
        self._cudnn, torch.backends.cudnn.enabled = torch.backends.cudnn.enabled, False
        return super().__enter__()

    def __exit__(self, *error: Any) -> None:
        super().__exit__(*error)
        torch.backends.cudnn.enabled = self._cudnn

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        name = func.overloadpacket.__name__
        tensors = [x for x in tree_leaves((args, kwargs)) if isinstance(x, torch.Tensor)]
        on_device = any(isinstance(x, OnDevice) for x in tensors)
        wanted = kwargs.get('device')
        result_is_there = on_device if wanted is None else torch.device(wanted).type == 'cuda'
        if wanted is not None:
            kwargs['device'] = CPU
        if func.namespace == 'msvitreid' and on_device:
            # Ours choose by the device, so they are taken to pieces.
            from msvitreid.models.kernels.sparse_softmax import _on_device

            with self:
                return _on_device(*args)
        if on_device or result_is_there:
            self._look(name, tensors, args, kwargs, result_is_there)
        result = func(*tree_map(_held, args), **tree_map(_held, kwargs))
        if name.endswith('_') and not name.endswith('__'):
            return args[0]
        return tree_map_only(torch.Tensor, OnDevice, result) if result_is_there else result

    def _look(
        self, name: str, tensors: list[torch.Tensor], args: Any, kwargs: Any, there: bool
    ) -> None:
        from_host = [x for x in tensors if not isinstance(x, OnDevice)]
        if name in COPYING:
            if name == 'copy_':
                crosses = bool(from_host) and len(from_host) < len(tensors)
                asynchronous = len(args) > 2 and args[2]
            else:
                crosses, asynchronous = there == bool(from_host), kwargs.get('non_blocking')
            if crosses and not asynchronous:
                self.waits.append(f'{name} {"to the device" if there else "to the host"}')
        elif name in INDEXING:
            indices = [x for x in tree_leaves(args[1]) if isinstance(x, torch.Tensor)]
            if from_host or any(x.dtype in (torch.bool, torch.uint8) for x in indices):
                self.waits.append(name)
        elif name in WAITING:
            self.waits.append(name)
        elif any(x.dim() for x in from_host):
            raise RuntimeError(f'{name}: expected all tensors to be on the same device')


def _held(value: Any) -> Any:
    return value.held if isinstance(value, OnDevice) else value


def move(model: nn.Module) -> None:
    """What ``model.to('cuda')`` does; torch would only exchange the data of its parameters."""
    for module in model.modules():
        for name, parameter in module._parameters.items():
            if parameter is not None:
                on_device = nn.Parameter(OnDevice(parameter.detach()), parameter.requires_grad)
                module._parameters[name] = on_device
        for name, buffer in module._buffers.items():
            if buffer is not None:
                module._buffers[name] = OnDevice(buffer)
        if isinstance(module, BaseDataPreprocessor):
            module._device = CUDA
