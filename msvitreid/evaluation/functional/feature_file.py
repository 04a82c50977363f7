"""Features that are read from disk when they are needed."""

from __future__ import annotations

from typing import Any, Protocol, TypeGuard

import numpy as np
import torch

from .inputs import Array, as_matrix, require_finite


class FeatureFile(Protocol):
    """Rows read on demand: ``np.memmap``, ``h5py.Dataset`` and the like.

    An index is a slice, or ascending row numbers.
    """

    @property
    def shape(self) -> tuple[int, ...]: ...

    def __getitem__(self, rows: Any, /) -> Any: ...


def is_in_memory(features: object) -> TypeGuard[Array]:
    """Whether these are an array, a tensor, a list or a data frame, not rows in a file."""
    if isinstance(features, np.memmap):
        return False
    is_array = isinstance(features, (np.ndarray, torch.Tensor, list, tuple))
    return is_array or hasattr(features, 'to_numpy')


def check_feature_file(file: object, name: str) -> None:
    """Raises:
    ValueError: it has no shape, or its rows cannot be read by their index.
    """
    if not (isinstance(getattr(file, 'shape', None), tuple) and hasattr(file, '__getitem__')):
        raise ValueError(
            f'{name} must be an array of shape (N, D) or a file of rows such as np.memmap, got '
            f'{type(file).__name__}'
        )


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
            ValueError: a feature is not a real number or not finite.
        """
        read = as_matrix(self._file[rows], self._name, '(N, D)')
        self._block[: len(read)] = read
        self._block[len(read) :] = 0
        require_finite(self._block, self._name)
        return self._block.to(self._device)
