"""What lists and file names may say, wherever they come from."""

from __future__ import annotations

import os
import re
from pathlib import Path

from msvitreid.utils.printable import escaped

#: Digits of a pid or camid: few enough for 64-bit integers, in joined datasets too, which add.
NUMBER = r'[0-9]{1,18}'
SHOWN = 80
URL = re.compile(r'[A-Za-z][A-Za-z0-9+.-]*://|data:', re.IGNORECASE)
# A drive or a network share of Windows.
DRIVE = re.compile(r'[A-Za-z]:[\\/]|\\\\')


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
    Backslashes separate folders, as Windows writes them, unless a file's name has them.

    Raises:
        ValueError: the path is a URL, leads out of ``folder``, is ``folder``, none that a
            file can have, begins with a drive, or means two files.
    """
    if URL.match(path):
        raise ValueError(
            f'path {shown(path)} is a URL, and only files are read; download it to a file '
            f'below {str(folder)!r}'
        )
    plain = os.path.normpath(_with_slashes(folder, path))
    if os.path.isabs(plain):
        top = os.path.join(os.path.abspath(folder), '')
        plain = plain[len(top) :] if plain.startswith(top) else os.pardir
    if plain.split(os.sep, 1)[0] in (os.pardir, os.curdir) or '\0' in plain:
        raise ValueError(f'path {shown(path)} is not that of a file below {str(folder)!r}')
    return os.path.join(folder, plain)


def _with_slashes(folder: Path, path: str) -> str:
    if os.sep == '\\':
        return path
    if DRIVE.match(path):
        raise ValueError(
            f'path {shown(path)} is an absolute one of Windows; make it relative to '
            f'{str(folder)!r}'
        )
    slashed = path.replace('\\', '/')
    if slashed == path or not os.path.lexists(os.path.join(folder, path)):
        return slashed
    if os.path.lexists(os.path.join(folder, slashed)):
        raise ValueError(
            f'path {shown(path)} may mean two files, one with backslashes in its name; rename '
            'one of them'
        )
    return path


def shown(text: str) -> str:
    """A text for a message: quoted, on one line, without control characters, and not long.

    Backslashes are as the user wrote them, which ``repr`` would double.
    """
    return f"'{escaped(text[:SHOWN])}{'...' if len(text) > SHOWN else ''}'"
