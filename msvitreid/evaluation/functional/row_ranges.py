"""Work that is done row by row, in blocks, and may be divided among processes.

BLAS rounds a product differently in blocks of different sizes. Ranges that start at multiples
of the block give every row the very numbers that it has when one process does them all.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

QUERY_CHUNK = 256
"""Queries whose similarities are held at once."""

RowRange = Callable[[int, int], tuple[np.ndarray, ...]]
"""``compute(start, stop)`` gives arrays with one row for every item of the range."""

RowSplit = Callable[[RowRange, int, int], tuple[np.ndarray, ...]]
"""``split(compute, count, block)`` gives the arrays of the rows 0 to ``count``, which
it may compute in ranges that start at multiples of ``block``."""


def all_at_once(compute: RowRange, count: int, block: int) -> tuple[np.ndarray, ...]:
    """The :data:`RowSplit` of a single process."""
    return compute(0, count)
