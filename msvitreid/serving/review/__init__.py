"""What people say of a gallery's images, and what is proposed for them to look at.

``store.py`` is the log of marks and notes, ``state.py`` what of it holds: identities, names and
negatives. ``changes.py`` plans names, merges and splits, ``training_list.py`` writes the result.
``outliers.py`` and ``groups.py`` propose, ``background.py`` computes that in a thread.
"""

from .entries import ANSWERS, Image, Mark, Note
from .state import Identity, ReviewState
from .store import BusyMarksError, MarkStore

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
