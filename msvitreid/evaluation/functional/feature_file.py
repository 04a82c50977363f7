"""Features that are read from disk when they are needed."""

from __future__ import annotations

from typing import Any, Protocol, TypeGuard

import numpy as np
import torch

from .inputs import Array, require_finite


class FeatureFile(Protocol):
    """Rows read on demand: ``np.memmap``, ``h5py.Dataset`` and the like.

    An index is a slice, or ascending row numbers.
    """

    @property
    def shape(self) -> tuple[int, ...]: ...

    def __getitem__(self, rows: Any, /) -> Any: ...


def is_in_memory(features: object) -> TypeGuard[Array]:
    """Whether these are an array, a tensor or a list, and no file that looks like one."""
    arrays = (np.ndarray, torch.Tensor, list, tuple)
    return isinstance(features, arrays) and not isinstance(features, np.memmap)


class BlockReader:
    """Reads blocks of one size into the same memory.

    Args:
        file: ``(N, D)``, of any float type.
        length: rows of a block.
        device: where blocks are wanted.
        name: of the features, for errors.
    """

    def __init__(self, file: FeatureFile, length: int, device: torch.device, name: str) -> None:
        self._file = file
        self._block = torch.zeros(length, file.shape[1])
        self._device = device
        self._name = name

    def read(self, rows: slice | np.ndarray) -> torch.Tensor:
        """``(length, D)`` float32, zeros after the rows; valid until the next call.

        Raises:
            ValueError: a feature is not finite.
        """
        read = self._file[rows]
        self._block.numpy()[: len(read)] = read
        self._block[len(read) :] = 0
        require_finite(self._block, self._name)
        return self._block.to(self._device)
