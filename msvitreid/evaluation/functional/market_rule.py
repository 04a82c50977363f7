"""Which gallery images count for which query."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch

from .inputs import Labels, as_indices, as_labels
from .on_device import upload

JUNK_PID = -1


UNKNOWN_CAMID = -1


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


class MarketRule:
    """Which gallery images count for which query, after Market-1501.

    A gallery image of the query's identity seen by the query's own camera is
    left out of that query's ranking. Camera -1 means unknown and leaves nothing
    out, nor do absent cameras. Gallery images of pid -1 are junk: they are in
    nobody's ranking. In self-retrieval a query's own image is in the gallery, and is
    left out by its index, so that exact duplicates of it stay.

    Args:
        query_pids: ``(Q,)`` identities.
        gallery_pids: ``(G,)`` identities.
        query_camids: ``(Q,)`` cameras, or None.
        gallery_camids: ``(G,)`` cameras, or None; both or neither.
        self_index: ``(Q,)`` gallery index of each query's own image, -1 where it has none;
            None for no query.
        junk_pid: the pid of junk; None if there is none.

    Raises:
        ValueError: labels or indices are not whole numbers, lengths disagree, or cameras are
            given for one side only.
    """

    def __init__(
        self,
        query_pids: Labels,
        gallery_pids: Labels,
        query_camids: Labels | None = None,
        gallery_camids: Labels | None = None,
        self_index: Labels | None = None,
        junk_pid: int | None = JUNK_PID,
    ) -> None:
        if (query_camids is None) != (gallery_camids is None):
            raise ValueError('query_camids and gallery_camids must both be given or neither')
        query_pids = as_labels(query_pids, None, 'query_pids')
        gallery_pids = as_labels(gallery_pids, None, 'gallery_pids')
        self.num_queries, self.num_gallery = len(query_pids), len(gallery_pids)
        self._pairs = SameLabelPairs(query_pids, gallery_pids)
        has_junk = junk_pid is not None
        self._junk = np.flatnonzero((gallery_pids == junk_pid) & has_junk)
        self._is_junk_query = (query_pids == junk_pid) & has_junk
        self._self_index = None
        if self_index is not None:
            self._self_index = as_indices(
                self_index, self.num_queries, self.num_gallery, 'self_index'
            )
        self._query_camids = self._camids(query_camids, self.num_queries, 'query_camids')
        self._gallery_camids = self._camids(gallery_camids, self.num_gallery, 'gallery_camids')

    @staticmethod
    def _camids(camids: Labels | None, length: int, name: str) -> np.ndarray:
        if camids is None:
            return np.full(length, UNKNOWN_CAMID)
        return as_labels(camids, length, name)

    def check_shape(self, num_queries: int, num_gallery: int) -> None:
        """Check how many queries and gallery items there are.

        Raises:
            ValueError: the labels are not those of so many queries and gallery items.
        """
        if (self.num_queries, self.num_gallery) != (num_queries, num_gallery):
            raise ValueError(
                f'{self.num_queries} query_pids and {self.num_gallery} gallery_pids were '
                f'given for {num_queries} queries and {num_gallery} gallery items'
            )

    def matches(self, start: int, stop: int) -> Pairs:
        """Ranked gallery images of the query's identity, for queries ``start`` to ``stop``."""
        return self._matches_and_left_out(start, stop)[0]

    def left_out(self, start: int, stop: int) -> Pairs:
        """Images of the query's identity that it does not rank, for ``start`` to ``stop``."""
        return self._matches_and_left_out(start, stop)[1]

    def apply(self, similarity: torch.Tensor, start: int) -> Pairs:
        """Put what a query does not rank at ``-inf``, in place.

        Args:
            similarity: ``(B, G)`` rows of the queries ``start`` to ``start + B``.
            start: first query of the block.

        Returns:
            The block's matches: ranked gallery images of the query's identity.
        """
        matches, left_out = self._matches_and_left_out(start, start + len(similarity))
        strike(similarity, left_out, self._junk)
        self._strike_itself(similarity, start, 0)
        return matches

    def mask_same_identity(self, similarity: torch.Tensor, start: int, first: int) -> None:
        """Put junk and all of the query's own identity at ``-inf``, in place.

        Args:
            similarity: ``(B, W)``, the queries ``start`` to ``start + B`` and the gallery
                images ``first`` to ``first + W``.
            start: first query of the block.
            first: its first gallery image.
        """
        pairs = self._pairs.of_block(start, start + len(similarity))
        last = first + similarity.shape[1]
        pairs = pairs.where((pairs.columns >= first) & (pairs.columns < last))
        junk = self._junk[
            np.searchsorted(self._junk, first) : np.searchsorted(self._junk, last)
        ]
        strike(similarity, Pairs(pairs.rows, pairs.columns - first), junk - first)
        self._strike_itself(similarity, start, first)

    def _strike_itself(self, similarity: torch.Tensor, start: int, first: int) -> None:
        if self._self_index is None:
            return
        columns = self._self_index[start : start + len(similarity)] - first
        rows = np.flatnonzero((columns >= 0) & (columns < similarity.shape[1]))
        strike(similarity, Pairs(rows, columns[rows]), np.empty(0, dtype=np.int64))

    def _matches_and_left_out(self, start: int, stop: int) -> tuple[Pairs, Pairs]:
        block = slice(start, stop)
        pairs = self._pairs.of_block(start, stop)
        pairs = pairs.where(~self._is_junk_query[block][pairs.rows])
        camids = self._query_camids[block][pairs.rows]
        left_out = (camids == self._gallery_camids[pairs.columns]) & (camids != UNKNOWN_CAMID)
        if self._self_index is not None:
            left_out |= pairs.columns == self._self_index[block][pairs.rows]
        return pairs.where(~left_out), pairs.where(left_out)


def strike(similarity: torch.Tensor, pairs: Pairs, columns: np.ndarray) -> None:
    """Put pairs and whole columns at ``-inf``."""
    rows, single, whole = (upload(index, similarity.device) for index in (*pairs, columns))
    # A number of Python's would be copied to a device while the host waits.
    similarity.index_put_((rows, single), similarity.new_full((), -torch.inf))
    similarity.index_fill_(1, whole, -torch.inf)
