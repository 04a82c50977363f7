"""Weights of a net that timm has, under other names: as timm's own files have them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from msvitreid.errors import CheckpointError, ConfigError
from msvitreid.utils.printable import printable

#: What a BatchNorm counts itself.
COUNTER = 'num_batches_tracked'


def as_timm(
    weights: Mapping[str, Tensor], model_name: str, source: str | os.PathLike[str]
) -> tuple[dict[str, Tensor], bool]:
    """The tensors of timm's net ``model_name``, for its ``checkpoint_path``.

    Tensors that have timm's names are taken by name. Otherwise they are taken in their order,
    each of which must have the shape and kind (weight, bias, running mean or variance) of timm's
    in the same place.

    Args:
        weights: of the whole net; the classifier may be missing.
        model_name: as ``timm.create_model`` takes it.
        source: the file, for messages.

    Returns:
        tensors by timm's names, and whether the classifier is among ``weights``; else zeros stand
        for it, as the wrapper of timm's nets takes it away anyway.

    Raises:
        ConfigError: timm is not installed, or has no such net.
        CheckpointError: the weights are not that net's.
    """
    own, classifier = _tensors_of(model_name)
    body = [name for name in own if not name.startswith(classifier)]
    given = {name: value for name, value in weights.items() if not name.endswith(COUNTER)}
    if given.keys() >= set(body):
        names = {name: name for name in own if name in given}
    else:
        wanted = list(own) if len(given) == len(own) else body
        if len(given) != len(wanted):
            raise _other_net(
                source,
                model_name,
                f'it has {len(given)} tensors, timm {len(body)} and a classifier',
            )
        names = dict(zip(wanted, given, strict=True))
    for name, theirs in names.items():
        if given[theirs].shape != own[name].shape or _kind(theirs) != _kind(name):
            raise _other_net(
                source,
                model_name,
                f'its {printable(theirs)!r} is {tuple(given[theirs].shape)}, where timm has '
                f'{name!r} {tuple(own[name].shape)}',
            )
    filled = {
        name: given[names[name]].float() if name in names else torch.zeros(own[name].shape)
        for name in own
    }
    return filled, len(names) == len(own)


def _tensors_of(model_name: str) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """Tensors of timm's net, without values, and what names of its classifier begin with."""
    try:
        import timm
    except ImportError as error:
        raise ConfigError("timm is not installed: run pip install 'msvitreid[timm]'") from error
    if not timm.is_model(model_name):
        raise ConfigError(
            f'timm has no net {model_name!r}; timm.list_models() names those that it has'
        )
    with torch.device('meta'):
        model: Any = timm.create_model(model_name, pretrained=False)
    named = model.default_cfg.get('classifier') or ()
    prefixes = tuple(f'{name}.' for name in ([named] if isinstance(named, str) else named))
    own = {k: v for k, v in model.state_dict().items() if not k.endswith(COUNTER)}
    return own, prefixes


def _kind(name: str) -> str:
    return name.rpartition('.')[2]


def _other_net(
    source: str | os.PathLike[str], model_name: str, difference: str
) -> CheckpointError:
    return CheckpointError(
        f"{str(source)!r} does not hold the weights of timm's {model_name}: {difference}; give "
        'another file or another name'
    )
