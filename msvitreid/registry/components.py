"""What is wrong with the config of a component, found before anything is built."""

from __future__ import annotations

import inspect
import math
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from inspect import Parameter
from typing import Annotated, Any, NamedTuple, get_type_hints

from annotated_types import Ge, Le, Lt

from msvitreid.errors import ConfigError
from msvitreid.utils.near_names import did_you_mean
from msvitreid.utils.printable import printable

from .mmpretrain import passes_options_on
from .values import mismatches

# Annotations of options, ours and others'.
Count = Annotated[int, Ge(1)]
CountOrZero = Annotated[int, Ge(0)]
Share = Annotated[float, Ge(0), Le(1)]
Weight = Annotated[float, Ge(0), Lt(math.inf)]

#: Keys of a component's config that are not its options.
NOT_OPTIONS = ('type', '_scope_')

#: Options of a loop that are checked more narrowly than mmengine's annotations do.
LOOP_OPTIONS: dict[str, Any] = {
    'by_epoch': bool,
    'max_epochs': Count,
    'max_iters': Count,
    'val_begin': CountOrZero,
    'val_interval': Count,
}

#: Parameters that mmengine supplies itself, by the name of the registry.
GIVEN: dict[str, tuple[str, ...]] = {
    'data sampler': ('dataset', 'seed', 'batch_size', 'sampler', 'drop_last'),
    'loop': ('runner', 'dataloader', 'evaluator'),
    'optimizer': ('params',),
    'optim_wrapper': ('optimizer',),
    'parameter scheduler': ('optimizer', 'param_name', 'epoch_length'),
    'vis_backend': ('save_dir',),
}

#: Options that mmengine takes out before it builds a component, by the name of the registry.
TAKEN_OUT: dict[str, dict[str, Any]] = {
    'hook': {'priority': str | int},
    'loop': LOOP_OPTIONS,
    'optim_wrapper': {
        'accumulative_counts': Count,
        'constructor': Any,
        'optimizer': Any,
        'paramwise_cfg': dict | None,
    },
    'parameter scheduler': {'convert_to_iter_based': bool},
    'weight initializer': {'override': Any},
}


class Option(NamedTuple):
    """A parameter of a component, with the annotation as a type (``Any`` if unknown)."""

    default: Any
    annotation: Any


class Signature(NamedTuple):
    """What a component takes.

    Attributes:
        options: by name, those of its bases included where it passes others on to them.
        is_open: whether it takes any other name as well.
    """

    options: Mapping[str, Option]
    is_open: bool

    @property
    def required(self) -> set[str]:
        return {n for n, option in self.options.items() if option.default is Parameter.empty}


class Problem(NamedTuple):
    """Something wrong in a config: where, as ``model.backbone.split_size[0]``, and what."""

    path: str
    text: str

    def __str__(self) -> str:
        return f'{self.path}: {self.text}'


def join(path: str, *keys: str | int) -> str:
    """``model`` and ``split_size``, 0 to ``model.split_size[0]``."""
    for key in keys:
        if isinstance(key, int):
            path = f'{path}[{key}]'
        else:
            path = f'{path}.{printable(str(key))}' if path else printable(str(key))
    return path


def check_options(
    component: Callable[..., Any],
    options: Mapping[str, Any],
    path: str,
    given: Sequence[str] = (),
    others: Mapping[str, Any] | None = None,
) -> Iterator[Problem]:
    """Compare the options of a config with what a component takes.

    Args:
        component: a class or a function.
        options: of the config, by name.
        path: of the config.
        given: parameters that the caller supplies, as the runner is to a loop.
        others: further options, which whoever builds the component takes out or looks at more
            closely, with their annotations.
    """
    signature = signature_of(component)
    known = {name: option.annotation for name, option in signature.options.items()}
    known.update(others or {})
    defaults = {
        name: option.default
        for name, option in signature.options.items()
        if name not in (others or {})
    }
    named = {name: value for name, value in options.items() if name not in NOT_OPTIONS}
    closed = '' if signature.is_open else name_of(component)
    yield from check_values(known, named, path, closed, defaults)
    for name in sorted(signature.required - {*options, *given, *(others or {})}):
        yield Problem(join(path, name), f'{name_of(component)} needs this option')


def check_values(
    annotations: Mapping[str, Any],
    options: Mapping[str, Any],
    path: str,
    closed: str = '',
    defaults: Mapping[str, Any] | None = None,
) -> Iterator[Problem]:
    """Compare options with annotations.

    Args:
        annotations: of all options that there are, by name.
        options: of the config, by name.
        path: of the config.
        closed: what has no other options than these; '' if it may have others.
        defaults: of the options, as far as they have one.
    """
    for name, value in options.items():
        if name in annotations:
            default = (defaults or {}).get(name, Parameter.empty)
            for wrong in mismatches(value, annotations[name], default):
                got = 'nothing' if wrong.missing else printable(repr(wrong.got))
                where = join(path, name, *wrong.keys)
                yield Problem(where, f'expected {wrong.expected}, got {got}')
        elif closed:
            hint = did_you_mean(name, annotations) or (
                '; options inherited from another type are dropped by _delete_=True in the config'
            )
            yield Problem(join(path, name), f'{closed} has no such option{hint}')


@cache
def signature_of(component: Callable[..., Any]) -> Signature:
    """Parameters of a class or function.

    Where it takes ``**kwargs``, those of the base class's constructor too, as far as each passes
    others on.
    """
    calls: list[Any] = [component]
    if inspect.isclass(component):
        # object's takes nothing, whatever its signature says.
        bases = [base for base in component.__mro__ if base is not object]
        calls = [vars(base)['__init__'] for base in bases if '__init__' in vars(base)]
    options: dict[str, Option] = {}
    is_open = False
    for call in calls:
        try:
            parameters = list(inspect.signature(call).parameters.values())
        except (TypeError, ValueError):
            # Compiled code that does not say.
            return Signature(options, True)
        hints = _hints(call)
        is_open = False
        for parameter in parameters:
            if parameter.kind is Parameter.VAR_KEYWORD:
                is_open = True
            elif parameter.kind is not Parameter.VAR_POSITIONAL and parameter.name != 'self':
                annotation = hints.get(parameter.name, _from_default(call, parameter.default))
                options.setdefault(parameter.name, Option(parameter.default, annotation))
        if not is_open:
            break
    if passes_options_on(component):
        return Signature(options, True)
    # Of a class that passes others on to nobody, though its base's signature lets them through.
    return Signature(options, is_open and not getattr(component, 'names_all_options', False))


def _hints(call: Any) -> dict[str, Any]:
    call = inspect.unwrap(call)
    try:
        return get_type_hints(call, include_extras=True)
    except Exception:
        # One name that exists for type checkers only hides all others; ask one by one.
        return dict(_single_hints(call))


def _from_default(call: Any, default: Any) -> Any:
    """Of a parameter without annotation: no string where the default is a number.

    Of mmengine's components only; what others take instead of a number is not known.
    """
    of_mmengine = str(getattr(call, '__module__', '')).startswith('mmengine.')
    if of_mmengine and isinstance(default, int | float) and not isinstance(default, bool):
        return float | bool | list | tuple | dict | None
    return Any


def _single_hints(call: Any) -> Iterator[tuple[str, Any]]:
    module = sys.modules.get(getattr(call, '__module__', ''))
    for name, annotation in (getattr(call, '__annotations__', None) or {}).items():
        holder = type('holder', (), {'__annotations__': {name: annotation}})
        try:
            yield name, get_type_hints(holder, vars(module), include_extras=True)[name]
        except Exception:
            yield name, Any


def name_of(component: Any) -> str:
    """How a sentence calls a class or function."""
    return getattr(component, '__name__', None) or type(component).__name__


def refuse(problems: Sequence[Problem]) -> None:
    """Report everything at once.

    Raises:
        ConfigError: there are problems.
    """
    if not problems:
        return
    if len(problems) == 1:
        raise ConfigError(f'config: {problems[0]}')
    lines = '; '.join(f'({i}) {problem}' for i, problem in enumerate(problems, 1))
    raise ConfigError(f'config: {len(problems)} problems: {lines}')
