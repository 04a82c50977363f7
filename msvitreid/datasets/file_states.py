"""Which files and folders a reading depended on, and whether they changed since."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

# Time of the last change in nanoseconds, and size in bytes; None: there is no such file.
FileState = tuple[int, int] | None

_noted: ContextVar[dict[str, FileState] | None] = ContextVar('noted', default=None)


def file_state(path: str | os.PathLike) -> FileState:
    """The state that a file or folder is in; a folder's changes with the names in it."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size


def note_read(path: str | os.PathLike) -> None:
    """Note that ``path`` is about to be listed or read.

    Called before, not after: a change in between then looks like one that came later.
    """
    noted = _noted.get()
    if noted is not None:
        noted.setdefault(os.fspath(path), file_state(path))


@contextmanager
def noting_reads() -> Iterator[dict[str, FileState]]:
    """The states of all that is noted within the block, by path."""
    noted: dict[str, FileState] = {}
    token = _noted.set(noted)
    try:
        yield noted
    finally:
        _noted.reset(token)
