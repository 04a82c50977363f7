"""Work on a device that the host does not wait for more than once a block.

A copy that is not asked to be asynchronous, the number of a tensor and an index of booleans each
have the host wait until the device has done all that it was given before.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

import numpy as np
import torch

_PRECISION = Lock()


def upload(array: np.ndarray, device: torch.device) -> torch.Tensor:
    """An array as a tensor on a device; on the CPU it shares its memory."""
    return torch.from_numpy(array).to(device, non_blocking=True)


def to_host(*tensors: torch.Tensor) -> tuple[np.ndarray, ...]:
    """Tensors of one device as arrays, all in one copy."""
    if all(tensor.device.type == 'cpu' for tensor in tensors):
        return tuple(tensor.numpy() for tensor in tensors)
    parts = [tensor.contiguous().view(-1).view(torch.uint8) for tensor in tensors]
    raw = torch.cat(parts).cpu().numpy()
    arrays, start = [], 0
    for tensor, part in zip(tensors, parts, strict=True):
        kind = torch.empty(0, dtype=tensor.dtype).numpy().dtype
        stop = start + len(part)
        # A copy: numbers of 8 bytes need not begin at a multiple of 8 there.
        arrays.append(raw[start:stop].copy().view(kind).reshape(tuple(tensor.shape)))
        start = stop
    return tuple(arrays)


@contextmanager
def all_digits(device: torch.device) -> Iterator[None]:
    """Products of float32 matrices without TF32, which has 10 bits where float32 has 23.

    The process's setting is put back afterwards. Whoever multiplies in another thread meanwhile
    gets all digits as well.
    """
    if device.type != 'cuda':
        yield
        return
    matmul = torch.backends.cuda.matmul
    # Before torch 2.9 there is the first only, and since then the second is its counterpart.
    name, rounded, exact = 'allow_tf32', True, False
    if hasattr(matmul, 'fp32_precision'):
        name, rounded, exact = 'fp32_precision', 'tf32', 'ieee'  # type: ignore[assignment]
    with _PRECISION:
        before = getattr(matmul, name)
        if before != rounded:
            yield
            return
        setattr(matmul, name, exact)
        try:
            yield
        finally:
            setattr(matmul, name, before)
