"""One hostile or broken input."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple


class Case(NamedTuple):
    """How a file comes about, what opens it, and what is said of it.

    Attributes:
        make: writes the file into an empty folder and gives its path.
        open: what a user would do with it.
        sentence: of the error, whole: ``FILE`` stands for the path, ``...`` for what differs
            from run to run or between versions of Python.
    """

    make: Callable[[Path], Path]
    open: Callable[[Path], object]
    sentence: str

    def pattern(self, path: Path) -> str:
        """A regular expression for the sentence."""
        text = re.escape(self.sentence).replace(re.escape('...'), '.*')
        return text.replace('FILE', re.escape(str(path)))


def content(name: str, write: Callable[[], bytes]) -> Callable[[Path], Path]:
    """A file of that name and content."""

    def make(folder: Path) -> Path:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(write())
        return path

    return make


def link(name: str, target: str) -> Callable[[Path], Path]:
    """A symbolic link."""

    def make(folder: Path) -> Path:
        (folder / name).symlink_to(target)
        return folder / name

    return make
