from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def appearing(path: str | os.PathLike) -> Iterator[Path]:
    """A temporary sibling to write, which takes the name ``path`` when it is complete.

    It is flushed to disk before it is renamed; an error removes it and leaves what was
    under ``path`` before. Missing folders are made.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f'.{path.name}.tmp')
    try:
        yield temporary
        with open(temporary, 'rb') as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
        _flush_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def _flush_folder(folder: Path) -> None:
    """Have the folder's entry survive a loss of power, where folders can be opened."""
    if os.name == 'nt':
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_text_atomically(path: str | os.PathLike, text: str) -> None:
    """Write a text file that appears under its name only when it is complete."""
    with appearing(path) as temporary:
        temporary.write_text(text, encoding='utf-8')
