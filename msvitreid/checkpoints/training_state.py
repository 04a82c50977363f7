"""Whether what an optimizer has saved of each weight fits the weights of the run.

torch takes over whatever it finds: a momentum of another shape ends in the middle of the first
step.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from torch import Tensor
from torch.optim import Optimizer

from .kinds import LARGEST, MalformedError, finite_tensor, number, optional
from .schema import not_resumable

#: What torch's optimizers hold of each weight, with one number an element.
ELEMENTWISE = frozenset(
    ('acc_delta', 'ax', 'eta', 'exp_avg', 'exp_avg_sq', 'exp_inf', 'grad_avg', 'max_exp_avg_sq',
     'momentum_buffer', 'prev', 'square_avg', 'step_size', 'sum')
)  # fmt: skip

#: Without these their step ends in a KeyError.
NEEDED = dict.fromkeys(('Adam', 'AdamW', 'NAdam', 'RAdam'), ('step', 'exp_avg', 'exp_avg_sq'))


def require_optimizer_state(
    optimizer: Optimizer, state: Mapping[str, Any], source: str | os.PathLike[str]
) -> None:
    """Check what an optimizer has saved of each weight against the weights.

    The groups must have been found to be of the same sizes.

    Raises:
        CheckpointError: a number is missing, not finite, or of another shape than its weight.
    """
    weights = [weight for group in optimizer.param_groups for weight in group['params']]
    indices = [index for group in state['param_groups'] for index in group['params']]
    shapes = {index: weight.shape for index, weight in zip(indices, weights, strict=True)}
    needed = NEEDED.get(type(optimizer).__name__, ())
    try:
        if len(shapes) != len(weights):
            raise MalformedError(
                'optimizer.param_groups', state['param_groups'], 'of distinct weights'
            )
        for index, values in state['state'].items():
            path = f'optimizer.state.{index}'
            if index not in shapes:
                raise MalformedError(
                    'a key of optimizer.state', index, 'of a weight in param_groups'
                )
            for name in needed:
                if values and name not in values:
                    raise MalformedError(path, values, f'a dict with a key {name!r}')
            for name, value in values.items():
                _check_value(name, value, shapes[index], f'{path}.{name}')
    except MalformedError as error:
        raise not_resumable(source, error) from error


def _check_value(name: str, value: Any, shape: tuple[int, ...], path: str) -> None:
    if name == 'step':
        if isinstance(value, Tensor):
            if value.numel() != 1 or value.is_meta or value.is_complex():
                raise MalformedError(path, value, 'one number')
            value = value.item()
        number(0, LARGEST)(value, path)
    elif isinstance(value, Tensor):
        if value.is_floating_point() or name in ELEMENTWISE:
            finite_tensor(value, path)
        if name in ELEMENTWISE and value.shape != shape:
            raise MalformedError(path, value, f"of its weight's shape {tuple(shape)}")
    elif name in ELEMENTWISE:
        # SGD without a step yet has None.
        optional(finite_tensor)(value, path)
