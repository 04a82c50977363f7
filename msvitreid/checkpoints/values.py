"""Whether the numbers of a file can be a net's weights."""

from __future__ import annotations

import os
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from msvitreid.errors import CheckpointError
from msvitreid.utils.printable import printable

#: How the names of BatchNorm's statistics end; other buffers may hold infinities, as masks do.
STATISTICS = ('running_mean', 'running_var')


def require_usable_values(
    model: nn.Module, weights: Mapping[str, Tensor], source: str | os.PathLike[str]
) -> None:
    """Check the weights of a file that have the names and shapes of a net's.

    Floating-point weights of any precision may fill floating-point ones, and integers or
    booleans may fill integers that can hold them. Parameters and BatchNorm's statistics must be
    finite in the net's precision, and variances must not be negative. Names and shapes that are
    not the net's are passed over.

    Raises:
        CheckpointError: a weight cannot be one; its name is in the sentence.
    """
    own = model.state_dict()
    parameters = {name for name, _ in model.named_parameters(remove_duplicate=False)}
    for name, value in weights.items():
        if name not in own or own[name].shape != value.shape:
            continue
        fault = _fault(name, value, own[name].dtype, name in parameters)
        if fault:
            raise CheckpointError(
                f'checkpoint {str(source)!r} cannot fill the model: weight {printable(name)!r} '
                f'{fault}; use another file'
            )


def are_finite(value: Tensor, dtype: torch.dtype | None = None) -> bool:
    """Whether all numbers of a tensor are finite, in another precision if one is given.

    A tensor of few stored numbers may claim a trillion; of such a one the stored are judged.
    """
    if value.is_meta:
        return False
    stored = value.untyped_storage().nbytes() // value.element_size()
    if value.numel() > stored:
        value = value.as_strided((stored,), (1,), 0)
    if dtype is None and value.element_size() == 1:
        dtype = torch.float32  # numbers of 8 bits have no isfinite
    return bool(value.to(dtype or value.dtype).isfinite().all())


def _fault(name: str, value: Tensor, dtype: torch.dtype, is_parameter: bool) -> str:
    """What is wrong with a weight that is to fill one of ``dtype``; '' if nothing."""
    if value.layout != torch.strided or value.is_quantized:
        return f'is of layout {value.layout}, not dense'
    if value.is_meta:
        return 'has no data'
    if value.is_complex() != dtype.is_complex:
        return f'is of {value.dtype} where the model has {dtype}'
    if value.is_floating_point() != dtype.is_floating_point:
        return f'is of {value.dtype} where the model has {dtype}'
    if not value.is_floating_point() and not value.is_complex():
        fits = bool((value.to(dtype).to(value.dtype) == value).all())
        return '' if fits else f'has integers that {dtype} cannot hold'
    statistic = name.rpartition('.')[2] in STATISTICS
    if (is_parameter or statistic) and not are_finite(value, dtype):
        if are_finite(value):
            return f'has numbers that {dtype} cannot hold'
        return 'has numbers that are NaN or infinite'
    if name.endswith('running_var') and bool((value < 0).any()):
        return 'has negative variances'
    return ''
