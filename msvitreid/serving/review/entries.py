"""Entries of the log: marks of pairs, and notes on one image or group."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Literal, NamedTuple, get_args

Answer = Literal['same', 'different', 'cannot tell']
ANSWERS: tuple[str, ...] = get_args(Answer)

#: What a note says of its image: of no use; what its identity is called ('' for no name any
#: more); its identity was checked; the identity that the gallery records is wrong. ``rejected``
#: is of a group: its images are not one identity.
NoteAction = Literal['aside', 'name', 'fine', 'detached', 'rejected']
NOTE_ACTIONS: tuple[str, ...] = get_args(NoteAction)


class Image(NamedTuple):
    """An image that an entry is about.

    Attributes:
        kind: ``gallery``, or ``upload`` for a query that was uploaded, or ``group`` for the
            images of a rejected group.
        name: the id in the gallery, the SHA-256 of the uploaded file and its box, or that of
            the group's ids.
    """

    kind: Literal['gallery', 'group', 'upload']
    name: str

    @property
    def text(self) -> str:
        """As it is stored, with its kind, so that no id can be taken for an upload."""
        return f'{self.kind}:{self.name}'

    @classmethod
    def of_text(cls, text: str) -> Image:
        kind, _, name = text.partition(':')
        if kind == 'upload':
            return cls('upload', name)
        return cls('group' if kind == 'group' else 'gallery', name)

    @classmethod
    def of_group(cls, ids: Iterable[str]) -> Image:
        """The group of these images of the gallery, in any order."""
        text = json.dumps(sorted(ids))
        return cls('group', hashlib.sha256(text.encode()).hexdigest())


class Mark(NamedTuple):
    """One mark: its ``number`` in the log, when it was made, of what, and by whom.

    ``change`` is the number of the first entry of those that were made together.
    """

    number: int
    time: str
    query: Image
    hit: Image
    answer: str
    reviewer: str
    change: int = 0


class Note(NamedTuple):
    """What was said of one image, see :data:`NoteAction`; ``value`` is the name or a reason."""

    number: int
    time: str
    action: str
    image: Image
    value: str
    reviewer: str
    change: int = 0
