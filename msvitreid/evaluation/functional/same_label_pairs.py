from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Pairs(NamedTuple):
    """Pairs of a query of some block and a gallery item, ordered by query.

    Attributes:
        rows: ``(M,)`` query of each pair, counted from the block's start.
        columns: ``(M,)`` gallery index of each pair.
    """

    rows: np.ndarray
    columns: np.ndarray

    def where(self, keep: np.ndarray) -> Pairs:
        """The pairs that the boolean mask keeps."""
        return Pairs(self.rows[keep], self.columns[keep])


class SameLabelPairs:
    """Finds the gallery items that share a query's label.

    Lists of pairs instead of a query-by-gallery mask: in re-identification they
    hold a thousandth of the mask's entries.

    Args:
        query_labels: ``(Q,)`` int64.
        gallery_labels: ``(G,)`` int64.
    """

    def __init__(self, query_labels: np.ndarray, gallery_labels: np.ndarray) -> None:
        self._by_label = np.argsort(gallery_labels, kind='stable')
        ordered = gallery_labels[self._by_label]
        self._first = np.searchsorted(ordered, query_labels, side='left')
        self._last = np.searchsorted(ordered, query_labels, side='right')

    def of_block(self, start: int, stop: int) -> Pairs:
        """Pairs of the queries ``start`` to ``stop``."""
        first = self._first[start:stop]
        counts = self._last[start:stop] - first
        rows = np.repeat(np.arange(len(counts)), counts)
        slots = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
        return Pairs(rows, self._by_label[np.repeat(first, counts) + slots])
