"""What people say of a gallery's images, and what is proposed for them to look at.

``log.py`` is the log of marks and notes in a file, ``store.py`` what may be added and undone,
``state.py`` what holds: identities, names and negatives. ``changes.py`` plans names, merges and
splits, ``training_list.py`` writes the result. ``outliers.py`` and ``groups.py`` propose,
``background.py`` computes that in a thread.
"""

from .entries import ANSWERS, Image, Mark, Note
from .log import BusyMarksError
from .state import Identity, ReviewState
from .store import MarkStore

__all__ = [
    'ANSWERS',
    'BusyMarksError',
    'Identity',
    'Image',
    'Mark',
    'MarkStore',
    'Note',
    'ReviewState',
]
