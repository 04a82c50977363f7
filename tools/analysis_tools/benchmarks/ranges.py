"""Numbers that the options take."""

from __future__ import annotations

import argparse

from msvitreid.errors import ConfigError


def check_at_least(
    args: argparse.Namespace, minimum: int, *names: str, multiple: int = 1
) -> None:
    """Check numbers, or lists of them, before anything is measured.

    Args:
        args: holds them; one that was not given is ``None``.
        minimum: the smallest that is allowed.
        names: of the options, as in ``args``.
        multiple: of what they have to be multiples.

    Raises:
        ConfigError: one is too small, or no multiple.
    """
    for name in names:
        given = getattr(args, name)
        for number in given if isinstance(given, list) else [given]:
            if number is not None and (number < minimum or number % multiple):
                wanted = f'at least {minimum}'
                if multiple > 1:
                    wanted = f'a multiple of {multiple}, {wanted}'
                option = '--' + name.replace('_', '-')
                raise ConfigError(f'{option} is {number}, give {wanted}')
