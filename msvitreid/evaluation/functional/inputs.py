"""Checks of what the functions of this folder are given: NumPy arrays, tensors, lists.

Whatever is wrong with an argument, its kind included, is a ``ValueError`` that names it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from numbers import Integral

import numpy as np
import torch

Array = np.ndarray | torch.Tensor
Labels = np.ndarray | torch.Tensor | Sequence[int]

LEAST = (torch.finfo(torch.float32).tiny / torch.finfo(torch.float32).eps) ** 0.5
"""The square of it, 1e-31, and what is added to that, have all digits of float32."""

NO_INDEX = -1
"""In place of an index: there is none."""


def as_features(features: Array, name: str) -> torch.Tensor:
    """Features as a float32 ``(N, D)`` tensor, left on their device.

    Raises:
        ValueError: not a two-dimensional array of real numbers, a value is not finite, or all
            are so small that products vanish.
    """
    matrix = as_matrix(features, name, '(N, D)')
    tensor = matrix.float()
    if not tensor.shape[1]:
        raise ValueError(f'{name} must have at least one column, got {tuple(tensor.shape)}')
    # What is 0 in float32 may not be in float64.
    largest = require_finite(tensor, name) or require_finite(matrix, name)
    require_products(largest, name)
    return tensor


def as_matrix(values: Array, name: str, shape: str) -> torch.Tensor:
    """A dense two-dimensional tensor of real numbers, of the type and on the device given.

    Raises:
        ValueError: it is not one; ``shape`` is how the message calls what it should be.
    """
    if isinstance(values, torch.Tensor):
        tensor = values.detach()
        if tensor.layout != torch.strided or tensor.is_complex() or tensor.is_quantized:
            raise ValueError(
                f'{name} must be a dense tensor of real numbers, got layout {tensor.layout} and '
                f'type {tensor.dtype}'
            )
        if tensor.is_meta:
            raise ValueError(f'{name} must hold numbers, got a tensor on the meta device')
    else:
        array = _real_numbers(values, name)
        if array.dtype.byteorder not in '=|' or array.dtype.itemsize > 8:
            array = array.astype(np.float64)
        tensor = torch.as_tensor(np.ascontiguousarray(array).reshape(array.shape))
    if tensor.ndim != 2:
        raise ValueError(f'{name} must have shape {shape}, got {tuple(tensor.shape)}')
    return tensor


def require_finite(tensor: torch.Tensor, name: str) -> float:
    """Check that features are numbers, and give the largest magnitude.

    Raises:
        ValueError: a value is NaN or infinite.
    """
    if not tensor.numel():
        return 0.0
    # The extremes carry any NaN or infinity, and cost a twentieth of torch.isfinite.
    extremes = torch.stack(tensor.aminmax())
    if not torch.isfinite(extremes).all():
        raise ValueError(f'{name} holds NaN or infinite values')
    return float(extremes.abs().max())


def vanish(largest: float) -> bool:
    """Whether products of numbers up to ``largest`` lose digits in float32, or are 0."""
    return 0 < largest < LEAST


def require_products(largest: float, name: str) -> None:
    """Check that products of features differ from 0; of zeros only they need not.

    Raises:
        ValueError: they do not: images would be ranked by their place in the gallery.
    """
    if vanish(largest):
        raise ValueError(
            f'{name} holds nothing above {largest:.3g}, whose products vanish in float32; '
            'normalize the features'
        )


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
    """Check that queries and gallery have the same dimension.

    Raises:
        ValueError: the gallery is not of ``(G, D)`` features, or D is not the queries'.
    """
    if len(gallery_shape) != 2:
        raise ValueError(f'gallery_features must have shape (N, D), got {tuple(gallery_shape)}')
    if query_shape[1] != gallery_shape[1]:
        raise ValueError(
            f'query_features have {query_shape[1]} columns but gallery_features '
            f'{gallery_shape[1]}'
        )


def as_labels(labels: Labels, length: int | None, name: str) -> np.ndarray:
    """Labels as an int64 NumPy vector.

    Args:
        labels: whole numbers of any real type.
        length: how many there must be; None for any number.
        name: for errors.

    Raises:
        ValueError: not one label for each of ``length`` items, or one is not a whole number
            that int64 holds. Floats so large that different whole numbers are the same float
            (from 2**53 of float64, 2**24 of float32 on) are refused too.
    """
    exact = None
    if isinstance(labels, torch.Tensor):
        tensor = labels.detach()
        if tensor.layout != torch.strided or tensor.is_quantized:
            raise ValueError(f'{name} must be a dense tensor, got layout {tensor.layout}')
        if tensor.is_meta:
            raise ValueError(f'{name} must hold numbers, got a tensor on the meta device')
        if tensor.is_floating_point():
            exact = 2 / torch.finfo(tensor.dtype).eps
            tensor = tensor.double()
        labels = tensor.cpu().numpy()
    given = _real_numbers(labels, name)
    if given.ndim != 1 or length not in (None, len(given)):
        wanted = '(N,)' if length is None else f'({length},)'
        raise ValueError(f'{name} must have shape {wanted}, got {given.shape}')
    if given.dtype.kind == 'f':
        exact = exact or 2 / np.finfo(given.dtype).eps
        whole = (given == np.floor(given)) & (np.abs(given) < exact)
    elif given.dtype.kind == 'u':
        whole = given <= np.uint64(np.iinfo(np.int64).max)
    else:
        whole = np.ones(len(given), dtype=bool)
    if not whole.all():
        raise ValueError(
            f'{name} must be whole numbers that int64 holds, and floats exactly, got '
            f'{given[np.argmin(whole)]}'
        )
    return given.astype(np.int64)


def as_indices(indices: Labels, length: int, size: int, name: str) -> np.ndarray:
    """``(length,)`` int64 indices below ``size``, or -1 for none.

    Raises:
        ValueError: an index lies outside, or see :func:`as_labels`.
    """
    vector = as_labels(indices, length, name)
    outside = (vector < NO_INDEX) | (vector >= size)
    if outside.any():
        raise ValueError(
            f'{name} must be from 0 to {size - 1}, or -1 for none, got '
            f'{vector[np.argmax(outside)]}'
        )
    return vector


def as_topk(topk: Iterable[int]) -> tuple[int, ...]:
    """The k of ``rank-k``, ``recall@k`` and the like.

    Raises:
        ValueError: not at least one whole number from 1 on.
    """
    message = f'topk must be a list of whole numbers from 1 on, got {topk!r}'
    if isinstance(topk, (str, bytes)):
        raise ValueError(message)
    try:
        values = tuple(topk)
    except TypeError:
        raise ValueError(message) from None
    if not values or not all(_is_whole(k) and k >= 1 for k in values):
        raise ValueError(message)
    return tuple(int(k) for k in values)


def check_whole(value: int, lowest: int, name: str, highest: int | None = None) -> None:
    """Check that an argument is a whole number.

    Raises:
        ValueError: not a whole number, below ``lowest`` or above ``highest``.
    """
    if not _is_whole(value) or value < lowest or (highest is not None and value > highest):
        end = '' if highest is None else f' and at most {highest}'
        raise ValueError(
            f'{name} must be a whole number, at least {lowest}{end}, got {value!r}'
        )


def check_range(start: int, stop: int, size: int) -> None:
    """Check a range of queries.

    Raises:
        ValueError: ``start`` to ``stop`` is not a range within ``size`` queries.
    """
    if not (_is_whole(start) and _is_whole(stop) and 0 <= start <= stop <= size):
        raise ValueError(
            f'start and stop must be a range within the {size} queries, got {start!r} and '
            f'{stop!r}'
        )


def _is_whole(value: object) -> bool:
    return isinstance(value, Integral) and not isinstance(value, (bool, np.bool_))


def _real_numbers(values: object, name: str) -> np.ndarray:
    """An array of booleans, integers or floats; no strings or objects are converted."""
    if isinstance(values, np.ma.MaskedArray):
        raise ValueError(f'{name} must be a plain array, got a masked one')
    try:
        array = np.asarray(values)
    except (TypeError, ValueError, RuntimeError) as error:  # ragged lists, tensors on a GPU
        raise ValueError(f'{name} must be an array of real numbers ({error})') from error
    if array.dtype.kind not in 'biuf':
        raise ValueError(
            f'{name} must be an array of real numbers, got {type(values).__name__} of type '
            f'{array.dtype}'
        )
    return array
