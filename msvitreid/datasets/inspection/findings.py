from __future__ import annotations

from typing import NamedTuple


class Item(NamedTuple):
    """One case of a finding: the files it is about, if any, and what is to be said of them."""

    paths: tuple[str, ...]
    note: str

    def __str__(self) -> str:
        files = ' = '.join(self.paths)
        return f'{files} ({self.note})' if files and self.note else files or self.note


class Finding(NamedTuple):
    """Everything of one kind that was found in one place.

    Attributes:
        kind: the same word for the same thing, for programs: 'unreadable', 'stray', ...
        is_fault: whether someone should look at it before the dataset is used.
        where: dataset and split, for people.
        what: the kind in words.
        items: the cases, sorted.
    """

    kind: str
    is_fault: bool
    where: str
    what: str
    items: tuple[Item, ...]

    def __str__(self) -> str:
        return f'{self.where}: {self.what} ({len(self.items):,})'
