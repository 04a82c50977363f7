"""What every function of this folder accepts: NumPy arrays, tensors, lists."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

Array = np.ndarray | torch.Tensor
Labels = np.ndarray | torch.Tensor | Sequence[int]


def as_features(features: Array, name: str) -> torch.Tensor:
    """Features as a float32 ``(N, D)`` tensor, left on their device.

    Raises:
        ValueError: not two-dimensional, or a value is not finite.
    """
    if isinstance(features, np.ndarray):
        features = np.ascontiguousarray(features)  # torch knows no negative strides
    tensor = torch.as_tensor(features).detach().float()
    if tensor.ndim != 2:
        raise ValueError(f'{name} must have shape (N, D), got {tuple(tensor.shape)}')
    require_finite(tensor, name)
    return tensor


def require_finite(tensor: torch.Tensor, name: str) -> None:
    """Raises:
    ValueError: a value is NaN or infinite.
    """
    # The extremes carry any NaN or infinity, and cost a twentieth of torch.isfinite.
    if tensor.numel() and not torch.isfinite(torch.stack(tensor.aminmax())).all():
        raise ValueError(f'{name} holds NaN or infinite values')


def as_feature_pair(query: Array, gallery: Array) -> tuple[torch.Tensor, torch.Tensor]:
    """Query and gallery features of one width, both on the query's device.

    Raises:
        ValueError: see :func:`as_features`; or the widths differ.
    """
    query = as_features(query, 'query_features')
    gallery = as_features(gallery, 'gallery_features')
    check_widths(query.shape, gallery.shape)
    return query, gallery.to(query.device)


def check_widths(query_shape: Sequence[int], gallery_shape: Sequence[int]) -> None:
    """Raises:
    ValueError: the gallery is not of ``(G, D)`` features, or D is not the queries'.
    """
    if len(gallery_shape) != 2:
        raise ValueError(f'gallery_features must have shape (N, D), got {tuple(gallery_shape)}')
    if query_shape[1] != gallery_shape[1]:
        raise ValueError(
            f'query_features have {query_shape[1]} columns but gallery_features '
            f'{gallery_shape[1]}'
        )


def as_labels(labels: Labels, length: int, name: str) -> np.ndarray:
    """Labels as an int64 NumPy vector of the given length.

    Raises:
        ValueError: not one label for each of ``length`` items, or one is no whole number.
    """
    if isinstance(labels, torch.Tensor):
        labels = labels.detach().cpu().numpy()
    given = np.asarray(labels)
    with np.errstate(invalid='ignore'):  # NaN differs from whatever it becomes
        vector = given.astype(np.int64)
    if vector.shape != (length,):
        raise ValueError(f'{name} must have shape ({length},), got {vector.shape}')
    if (vector != given).any():
        raise ValueError(
            f'{name} must be whole numbers, got {given[np.argmax(vector != given)]}'
        )
    return vector
