"""What arguments of several commands have to be."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from msvitreid.errors import ConfigError


def positive(text: str) -> int:
    """A whole number from 1 on, for argparse."""
    if not text.isascii() or not text.isdigit() or not int(text):
        raise argparse.ArgumentTypeError(f'{text!r} is no whole number from 1 on')
    return int(text)


def whole_number(text: str) -> int:
    """A whole number from 0 on, for argparse."""
    if not text.isascii() or not text.isdigit():
        raise argparse.ArgumentTypeError(f'{text!r} is no whole number from 0 on')
    return int(text)


def require_distinct(names: Sequence[str], what: str) -> None:
    """Check that no two runs or nets have one name.

    Raises:
        ConfigError: two have.
    """
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f'two {what} are called {name!r}; give others by --names')
