"""Which rows of an embedded gallery conditions mean."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

import numpy as np

from .database import State, damaged
from .session import Session
from .where import Condition, as_sql

#: Conditions of searches whose rows are remembered, a byte for each row of the gallery.
MOST_MASKS = 8


class Filters:
    """Conditions of searches as rows, within a session's block.

    Args:
        session: of the gallery.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._masks: dict[bytes, np.ndarray] = {}
        self._masks_version = -1

    def allowed(self, conditions: tuple[Condition, ...], state: State) -> np.ndarray:
        """``(rows,)`` bool: which rows meet conditions; of the last ones it is remembered.

        Without an index SQLite reads every item for them.
        """
        if state.version != self._masks_version:
            self._masks, self._masks_version = {}, state.version
        # By the SQL: of conditions themselves, those with 1 and with True are equal.
        key = hashlib.sha256(json.dumps(as_sql(conditions)).encode()).digest()
        mask = self._masks.pop(key, None)
        if mask is None:
            mask = np.zeros(state.rows, dtype=bool)
            mask[self._slots(conditions, state.rows)] = True
        self._masks[key] = mask
        if len(self._masks) > MOST_MASKS:
            del self._masks[next(iter(self._masks))]
        return mask

    def excluded(self, exclude: Sequence[tuple[Condition, ...]], rows: int) -> list[np.ndarray]:
        """Rows that each query leaves out; equal conditions are looked up once."""
        found: dict[str, np.ndarray] = {'': np.zeros(0, np.int64)}
        keys = [json.dumps(as_sql(one, 'OR')) if one else '' for one in exclude]
        for key, conditions in zip(keys, exclude, strict=True):
            if key not in found:
                found[key] = self._slots(conditions, rows, 'OR')
        return [found[key] for key in keys]

    def _slots(
        self, conditions: tuple[Condition, ...], rows: int, joined: str = 'AND'
    ) -> np.ndarray:
        where, parameters = as_sql(conditions, joined)
        # Sorted here: for its own order SQLite would read every row instead of an index.
        query = f'SELECT slot FROM items WHERE {where}'
        found = self._session.database.execute(query, parameters)
        slots = np.sort(np.fromiter((row[0] for row in found), np.int64))
        if len(slots) and not 0 <= slots[0] <= slots[-1] < rows:
            raise damaged(self._session.path, 'an item has no vector')
        return slots
