"""What lists and file names may say, wherever they come from."""

from __future__ import annotations

import os
import re
from pathlib import Path

#: Digits of a pid or camid: few enough for 64-bit integers, in joined datasets too, which add.
NUMBER = r'[0-9]{1,18}'
SHOWN = 80


def number(text: str) -> int:
    """A pid or a camid.

    Raises:
        ValueError: it is anything but one to 18 digits.
    """
    if not re.fullmatch(NUMBER, text):
        raise ValueError(f'{shown(text)} is not a number of 1 to 18 digits')
    return int(text)


def path_below(folder: Path, path: str) -> str:
    """The file that a list means, by a path relative to ``folder`` or an absolute one below it.

    Only the text is judged: a link in ``folder`` may lead wherever its owner wants.

    Raises:
        ValueError: the path leads out of ``folder``, is ``folder``, or none that a file can
            have.
    """
    plain = os.path.normpath(path)
    if os.path.isabs(plain):
        top = os.path.join(os.path.abspath(folder), '')
        plain = plain[len(top) :] if plain.startswith(top) else os.pardir
    if plain.split(os.sep, 1)[0] in (os.pardir, os.curdir) or '\0' in plain:
        raise ValueError(f'path {shown(path)} is not that of a file below {str(folder)!r}')
    return os.path.join(folder, plain)


def shown(text: str) -> str:
    """A text for a message: quoted, on one line, without control characters, and not long."""
    return repr(text if len(text) <= SHOWN else text[:SHOWN] + '...')
