"""Whether the options in a saved state of optimizer and schedulers are those of the run.

torch and mmengine take over whatever they find: with another ``maximize`` or ``T_max`` they train
something else, and a ``last_step`` that is a text ends at the end of the first epoch. So options
are compared with the run's own, and what training changes is checked by type and range.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from .kinds import (
    Check,
    MalformedError,
    anything,
    boolean,
    integer,
    mapping,
    number,
    optional,
    sequence,
    shown,
    text,
)
from .schema import not_resumable

#: Weights are float32: beyond it a learning rate or a factor is infinite.
MOST = torch.finfo(torch.float32).max

#: How far a scheduler of mmengine has come; -1 before its first step.
STEPS = ('last_step', '_global_step')

#: What steps change in mmengine's schedulers; the last three in those that follow figures.
CHANGING = (*STEPS, '_last_value', 'best', 'num_bad_epochs', 'cooldown_counter')

#: How torch computes a step, which changes none of its results: every run decides for itself.
IMPLEMENTATION = ('foreach', 'fused', 'capturable')

#: What does not change in the state of a loss scaler.
SCALER_OPTIONS = ('growth_factor', 'backoff_factor', 'growth_interval')

#: Scheduled options with a range of their own.
RANGES: dict[str, Check] = {
    'lr': number(0, MOST),
    'betas': sequence(number(0, 1), length=2),
}

_NOT_SET = object()


class Difference(NamedTuple):
    """An option by its key path, with its values in the file and in the run, as text."""

    path: str
    saved: str
    own: str


def require_scheduled_values(
    groups: Sequence[Mapping[str, Any]],
    state: Mapping[str, Any],
    schedulers: Sequence[Any],
    states: Sequence[Any],
    meta: Mapping[str, Any],
    source: str | os.PathLike[str],
) -> None:
    """Check type and range of all that schedulers change, their own states included.

    Args:
        groups: the run's ``optim_wrapper.param_groups``.
        state: the saved one of the optimizer wrapper, with as many groups.
        schedulers: the run's, before their first step.
        states: the saved ones, as many.
        meta: the checkpoint's; its ``epoch`` and ``iter`` bound the schedulers' counters.
        source: the file, for the message.

    Raises:
        CheckpointError: a value is missing, unknown, of another type or out of its range.
    """
    try:
        scheduled = _scheduled(schedulers)
        for path, saved, own in _pairs(groups, state):
            for name in scheduled & own.keys():
                if name not in saved:
                    raise MalformedError(path, saved, f'a dict with a key {name!r}')
                check = RANGES.get(name, _like(own[name]))
                if check is not None:
                    check(saved[name], f'{path}.{name}')
        for position, (scheduler, values) in enumerate(zip(schedulers, states, strict=True)):
            _check_scheduler(scheduler, values, meta, f'param_schedulers.{position}')
    except MalformedError as error:
        raise not_resumable(source, error) from error


def _check_scheduler(
    scheduler: Any, state: Mapping[str, Any], meta: Mapping[str, Any], path: str
) -> None:
    own = _state_of(scheduler)
    for name in own.keys() - state.keys():
        raise MalformedError(path, state, f'a dict with a key {name!r}')
    # Those that follow figures count validations, also in a run without epochs.
    by_epoch = own.get('by_epoch') and not getattr(scheduler, 'need_val_args', False)
    limit = meta['epoch'] if by_epoch else meta['iter']
    fixed = _fixed_fields(scheduler)
    for name, value in state.items():
        # They would replace methods: mmengine updates the scheduler's __dict__.
        if name not in own:
            raise MalformedError(f'a key of {path}', name, f'one of {", ".join(sorted(own))}')
        check = integer(-1, limit) if name in STEPS else _like(own[name])
        if name not in fixed and check is not None:
            check(value, f'{path}.{name}')


def option_differences(
    groups: Sequence[Mapping[str, Any]],
    state: Mapping[str, Any],
    schedulers: Sequence[Any],
    states: Sequence[Any],
    loss_scaler: Mapping[str, Any] | None = None,
) -> Iterator[Difference]:
    """Options that nothing schedules and that are not those of the run; each name once.

    Args:
        groups, state, schedulers, states: as in :func:`require_scheduled_values`.
        loss_scaler: the state of the run's own, if it has one.
    """
    without = {'params', *IMPLEMENTATION, *_scheduled(schedulers)}
    named: set[str] = set()
    for path, saved, own in _pairs(groups, state):
        for name in own.keys() - without - named:
            value = saved.get(name, _NOT_SET)
            # Torch adds flags, which an older version did not save and which it leaves off.
            is_new = value is _NOT_SET and (own[name] is None or own[name] is False)
            if not is_new and not _same(value, own[name]):
                named.add(name)
                yield Difference(f'{path}.{name}', _text(value), _text(own[name]))
    for position, (scheduler, values) in enumerate(zip(schedulers, states, strict=True)):
        fields = _state_of(scheduler)
        for name in sorted(_fixed_fields(scheduler) & fields.keys() & values.keys()):
            if not _same(values[name], fields[name]):
                path = f'param_schedulers.{position}.{name}'
                yield Difference(path, _text(values[name]), _text(fields[name]))
    scaler = state.get('loss_scaler')
    if scaler and loss_scaler:
        for name in SCALER_OPTIONS:
            if not _same(scaler[name], loss_scaler[name]):
                path = f'optimizer.loss_scaler.{name}'
                yield Difference(path, _text(scaler[name]), _text(loss_scaler[name]))


def saved_groups(state: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """As ``OptimWrapper.param_groups`` has them: the base options are one more group."""
    base = state.get('base_param_settings')
    return [*state['param_groups'], *([] if base is None else [base])]


def _pairs(
    groups: Sequence[Mapping[str, Any]], state: Mapping[str, Any]
) -> Iterator[tuple[str, Mapping[str, Any], Mapping[str, Any]]]:
    saved = saved_groups(state)
    if len(saved) != len(groups):
        raise MalformedError('length of optimizer.param_groups', len(saved), str(len(groups)))
    for position, (group, own) in enumerate(zip(saved, groups, strict=True)):
        yield f'optimizer.param_groups.{position}', group, own


def _scheduled(schedulers: Sequence[Any]) -> set[str]:
    names = {scheduler.param_name for scheduler in schedulers}
    # Of Adam's, momentum is the first of the betas.
    return names | {'betas'} if 'momentum' in names else names


def _state_of(scheduler: Any) -> dict[str, Any]:
    """Without methods, which are no state."""
    return {
        name: value for name, value in scheduler.state_dict().items() if not callable(value)
    }


def _fixed_fields(scheduler: Any) -> set[str]:
    """What no step changes: all fields of mmengine's schedulers but the known ones.

    Of others, whose fields may be anything, those that their constructors take.
    """
    kind = type(scheduler)
    if kind.__module__.split('.')[0] == 'mmengine':
        names = set(_state_of(scheduler))
    else:
        constructors = [
            vars(base)['__init__'] for base in kind.__mro__[:-1] if '__init__' in vars(base)
        ]
        names = {name for init in constructors for name in inspect.signature(init).parameters}
        names.add('base_values')
    return names.difference(CHANGING, ('verbose',))


def _same(saved: Any, own: Any) -> bool:
    """Whether two values mean the same; objects of other kinds are not compared."""
    if isinstance(own, Tensor):
        return isinstance(saved, Tensor) and torch.equal(saved.cpu(), own.cpu())
    if isinstance(own, list | tuple):
        return (
            isinstance(saved, list | tuple)
            and len(saved) == len(own)
            and all(map(_same, saved, own))
        )
    if isinstance(own, Mapping):
        return (
            isinstance(saved, Mapping)
            and saved.keys() == own.keys()
            and all(_same(saved[key], own[key]) for key in own)
        )
    if own is None or isinstance(own, bool | str):
        return type(saved) is type(own) and saved == own
    if isinstance(own, int | float):
        return type(saved) in (int, float) and saved == own
    return True


def _text(value: Any) -> str:
    if isinstance(value, list | tuple) and len(value) <= 4:
        return f'[{", ".join(map(_text, value))}]'
    return 'not set' if value is _NOT_SET else shown(value)


def _like(own: Any) -> Check | None:
    """A check for a value of the same type, or None where any will do."""
    if own is None:
        return optional(_plain)
    if isinstance(own, bool):
        return boolean
    if isinstance(own, int | float):
        return number(-MOST, MOST)
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
        number(-MOST, MOST)(value, path)
