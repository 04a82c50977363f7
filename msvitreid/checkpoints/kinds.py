"""What a value of a checkpoint may be: small checks, put together in ``schema.py``.

A check is called with a value and its key path, and raises :class:`MalformedError` where it finds
something else. Messages never quote a container, whose text may be long.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from msvitreid.utils.printable import printable

from .values import are_finite

#: Integers up to it are exact as floats too.
LARGEST = 2**53

Check = Callable[[Any, str], None]


class MalformedError(Exception):
    """A value is not of its kind.

    Args:
        path: of keys, such as ``meta.iter``.
        value: found there.
        expected: what may stand there.
    """

    def __init__(self, path: str, value: object, expected: str) -> None:
        super().__init__(f'{printable(path)} is {shown(value)}, but must be {expected}')


def shown(value: object) -> str:
    """A value in a sentence: itself if plain, or what kind it is."""
    if isinstance(value, Tensor):
        return f'a tensor of {value.dtype} and shape {tuple(value.shape)}'
    if value is None or isinstance(value, bool | int | float | str):
        return printable(repr(value), 80)
    return f'a {type(value).__name__}'


def integer(low: int = 0, high: int = LARGEST) -> Check:
    """A whole number within bounds."""

    def check(value: Any, path: str) -> None:
        if type(value) is not int or not low <= value <= high:
            expected = f'an integer from {low} to {high}' if low < high else str(low)
            raise MalformedError(path, value, expected)

    return check


def number(low: float = -math.inf, high: float = math.inf) -> Check:
    """A finite one."""

    def check(value: Any, path: str) -> None:
        if type(value) not in (int, float) or not low <= value <= high or not _finite(value):
            lowest = '' if math.isinf(low) else f' from {low:g} on'
            bounds = lowest if math.isinf(high) else f' from {low:g} to {high:g}'
            raise MalformedError(path, value, f'a finite number{bounds}')

    return check


def text(value: Any, path: str) -> None:
    """A string."""
    if not isinstance(value, str):
        raise MalformedError(path, value, 'a text')


def hexadecimal(value: Any, path: str) -> None:
    """A SHA-256."""
    if not isinstance(value, str) or not re.fullmatch('[0-9a-f]{64}', value):
        raise MalformedError(path, value, '64 hexadecimal digits')


def one_of(*choices: str) -> Check:
    """One of some texts."""

    def check(value: Any, path: str) -> None:
        if value not in choices:
            raise MalformedError(path, value, ' or '.join(map(repr, choices)))

    return check


def anything(value: Any, path: str) -> None:
    """For what nothing here reads."""


def boolean(value: Any, path: str) -> None:
    """``True`` or ``False``, no number."""
    if not isinstance(value, bool):
        raise MalformedError(path, value, 'True or False')


def optional(check: Check) -> Check:
    """``None``, or what another check takes."""

    def check_optional(value: Any, path: str) -> None:
        if value is not None:
            check(value, path)

    return check_optional


def sequence(of: Check, length: int | None = None) -> Check:
    """A list or tuple of items that a check takes."""

    def check(value: Any, path: str) -> None:
        if not isinstance(value, list | tuple):
            raise MalformedError(path, value, 'a list')
        if length is not None and len(value) != length:
            raise MalformedError(f'length of {path}', len(value), str(length))
        for index, item in enumerate(value):
            of(item, f'{path}.{index}')

    return check


def mapping(of: Check, key: Check = text) -> Check:
    """A dict of keys and values that checks take."""

    def check(value: Any, path: str) -> None:
        _require_mapping(value, path)
        for name, item in value.items():
            key(name, f'a key of {path}')
            of(item, f'{path}.{name}')

    return check


def fields(required: Mapping[str, Check], others: Mapping[str, Check] | None = None) -> Check:
    """A mapping with known keys; further ones, which nothing here reads, are passed over."""
    known = {**(others or {}), **required}

    def check(value: Any, path: str) -> None:
        _require_mapping(value, path)
        for name in required:
            if name not in value:
                raise MalformedError(path, value, f'a dict with a key {name!r}')
        for name, item in value.items():
            if name in known:
                known[name](item, f'{path}.{name}')

    return check


def finite_tensor(value: Any, path: str) -> None:
    """A tensor of finite floating-point numbers."""
    floating_tensor(value, path)
    if not are_finite(value):
        raise MalformedError(path, value, 'of finite numbers')


def floating_tensor(value: Any, path: str) -> None:
    """A dense tensor of floating-point numbers."""
    is_dense = isinstance(value, Tensor) and value.layout == torch.strided
    if not is_dense or not value.is_floating_point() or value.is_meta:
        raise MalformedError(path, value, 'a tensor of real numbers')


def _finite(value: float) -> bool:
    return isinstance(value, int) or math.isfinite(value)


def _require_mapping(value: Any, path: str) -> None:
    if not isinstance(value, Mapping):
        raise MalformedError(path, value, 'a dict')
