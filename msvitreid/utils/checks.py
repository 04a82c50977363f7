"""Checks of single values for the components of a config."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

from msvitreid.errors import ConfigError


def is_whole(value: Any) -> bool:
    """Whether it is an integer; ``True`` and ``False`` are none."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def is_number(value: Any) -> bool:
    """Whether it is a real number, NaN and infinity included; ``True`` and ``False`` are none."""
    return isinstance(value, Real) and not isinstance(value, bool)


def require_whole(option: str, value: Any, lowest: int, highest: int | None = None) -> None:
    """Check an option that counts something.

    Raises:
        ConfigError: it is no integer from ``lowest`` to ``highest``.
    """
    if not is_whole(value) or value < lowest or (highest is not None and value > highest):
        end = 'on' if highest is None else f'to {highest}'
        raise ConfigError(f'{option} must be a whole number from {lowest} {end}, got {value!r}')
