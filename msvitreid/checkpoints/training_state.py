"""Whether the states of optimizer and schedulers in a file fit those that a run has built.

torch and mmengine take over whatever they find: a momentum of another shape ends in the middle of
the first step, a ``last_step`` that is a text at the end of the first epoch.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor
from torch.optim import Optimizer

from .kinds import (
    Check,
    MalformedError,
    anything,
    boolean,
    finite_tensor,
    integer,
    mapping,
    number,
    optional,
    sequence,
    text,
)
from .schema import not_resumable

#: What torch's optimizers hold of each weight, with one number an element.
ELEMENTWISE = frozenset(
    ('acc_delta', 'ax', 'eta', 'exp_avg', 'exp_avg_sq', 'exp_inf', 'grad_avg', 'max_exp_avg_sq',
     'momentum_buffer', 'prev', 'square_avg', 'step_size', 'sum')
)  # fmt: skip

#: Without these their step ends in a KeyError.
NEEDED = dict.fromkeys(('Adam', 'AdamW', 'NAdam', 'RAdam'), ('step', 'exp_avg', 'exp_avg_sq'))

#: How far a scheduler of mmengine has come; -1 before its first step.
STEPS = ('last_step', '_global_step')

#: Options of a parameter group with a range of their own.
RANGES: dict[str, Check] = {
    'lr': number(0),
    'initial_lr': number(0),
    'eps': number(0),
    'betas': sequence(number(0, 1), length=2),
}


def require_optimizer_state(
    optimizer: Optimizer, state: Mapping[str, Any], source: str | os.PathLike
) -> None:
    """Check an optimizer's saved state against its own weights and options.

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
        for position, (saved, own) in enumerate(
            zip(state['param_groups'], optimizer.param_groups, strict=True)
        ):
            _check_options(saved, own, f'optimizer.param_groups.{position}')
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


def require_scheduler_states(
    schedulers: Sequence[Any], states: Sequence[Any], source: str | os.PathLike
) -> None:
    """Check saved states of schedulers against those that the run's own have at the start.

    Raises:
        CheckpointError: a value is missing, unknown or of another type.
    """
    try:
        for position, (scheduler, state) in enumerate(zip(schedulers, states, strict=True)):
            own, path = scheduler.state_dict(), f'param_schedulers.{position}'
            for name in own.keys() - state.keys():
                raise MalformedError(path, state, f'a dict with a key {name!r}')
            for name, value in state.items():
                # They would replace methods: mmengine updates the scheduler's __dict__.
                if name not in own:
                    raise MalformedError(
                        f'a key of {path}', name, f'one of {", ".join(sorted(own))}'
                    )
                check = integer(-1) if name in STEPS else _like(own[name])
                if check is not None:
                    check(value, f'{path}.{name}')
    except MalformedError as error:
        raise not_resumable(source, error) from error


def _check_options(saved: Mapping[str, Any], own: Mapping[str, Any], path: str) -> None:
    for name, value in own.items():
        if name == 'params':
            continue
        check = None if isinstance(value, Tensor) else RANGES.get(name, _like(value))
        # Torch adds flags, which it sets itself where an older version did not save them.
        if name not in saved and check is not None and value is not None and value is not False:
            raise MalformedError(path, saved, f'a dict with a key {name!r}')
        if name in saved and check is not None:
            check(saved[name], f'{path}.{name}')


def _check_value(name: str, value: Any, shape: tuple[int, ...], path: str) -> None:
    if name == 'step':
        if isinstance(value, Tensor):
            if value.numel() != 1 or value.is_meta or value.is_complex():
                raise MalformedError(path, value, 'one number')
            value = value.item()
        number(0)(value, path)
    elif isinstance(value, Tensor):
        if value.is_floating_point() or name in ELEMENTWISE:
            finite_tensor(value, path)
        if name in ELEMENTWISE and value.shape != shape:
            raise MalformedError(path, value, f"of its weight's shape {tuple(shape)}")
    elif name in ELEMENTWISE:
        # SGD without a step yet has None.
        optional(finite_tensor)(value, path)


def _like(own: Any) -> Check | None:
    """A check for a value of the same type, or None where any will do."""
    if own is None:
        return optional(_plain)
    if isinstance(own, bool):
        return boolean
    if isinstance(own, int | float):
        return number()
    if isinstance(own, str):
        return text
    if isinstance(own, list | tuple):
        return sequence((_like(own[0]) if own else None) or anything, length=len(own))
    if isinstance(own, Mapping):
        first = next(iter(own.values()), None)
        return mapping(_like(first) or anything, key=_plain)
    return None


def _plain(value: Any, path: str) -> None:
    if not isinstance(value, bool | str):
        number()(value, path)
