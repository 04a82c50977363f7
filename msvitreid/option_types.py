"""Refusal of values that cannot be meant, before a component is built with them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from numbers import Integral, Real
from typing import Any

from .errors import ConfigError

PACKAGE = __name__.partition('.')[0]


def _is_whole(value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


#: How a sentence calls what an annotation stands for, and how it is recognized.
PLAIN: dict[str, tuple[str, Callable[[Any], bool]]] = {
    'None': ('None', lambda value: value is None),
    'bool': ('True or False', lambda value: isinstance(value, bool)),
    'int': ('a whole number', _is_whole),
    'float': ('a number', _is_number),
    'str': ('a string', lambda value: isinstance(value, str)),
    'Sequence[int]': ('a list of whole numbers', _is_list),
    'Sequence[float]': ('a list of numbers', _is_list),
    'Sequence[str]': ('a list of strings', _is_list),
}


def refuse_wrong_types(owner: str, component: Any, options: Mapping[str, Any]) -> None:
    """Compare options with the annotations of the component that they are for.

    Only components of this package are looked at, whose annotations are meant, and only options
    that are annotated with plain values: others have to look themselves.

    Args:
        owner: how a sentence calls the component.
        component: a class or function with annotations kept as strings.
        options: by name; unknown ones are passed over.

    Raises:
        ConfigError: a word stands where a number is due, say.
    """
    if getattr(component, '__module__', '').partition('.')[0] != PACKAGE:
        return
    for name, parameter in inspect.signature(component).parameters.items():
        if name not in options or not isinstance(parameter.annotation, str):
            continue
        kinds = [kind.strip() for kind in parameter.annotation.split('|')]
        if not all(kind in PLAIN for kind in kinds):
            continue
        value = options[name]
        if not any(PLAIN[kind][1](value) for kind in kinds):
            wanted = ' or '.join(PLAIN[kind][0] for kind in kinds)
            raise ConfigError(f'{owner}: {name} must be {wanted}, got {value!r}')
