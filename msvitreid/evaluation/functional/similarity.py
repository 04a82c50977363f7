"""Similarities in blocks of queries, and the largest of them.

BLAS rounds a product differently in blocks of different sizes. Ranges that start at multiples
of the block give every row the very numbers that it has when one process does them all.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from .inputs import Array, as_feature_pair, require_finite

QUERY_CHUNK = 256
"""Queries whose similarities are held at once."""


RowRange = Callable[[int, int], tuple[np.ndarray, ...]]
"""``compute(start, stop)`` gives arrays with one row for every item of the range."""


RowSplit = Callable[[RowRange, int, int], tuple[np.ndarray, ...]]
"""``split(compute, count, block)`` gives the arrays of the rows 0 to ``count``, which
it may compute in ranges that start at multiples of ``block``."""


SimilarityRows = Callable[[int, int], torch.Tensor]
"""``rows(start, stop)`` gives a fresh ``(stop - start, G)`` float tensor."""


_EVEN = 32
"""Columns of a product in multiples of which BLAS computes all of them alike."""


def inner_product_rows(query_features: Array, gallery_features: Array) -> SimilarityRows:
    """Similarities on demand, in float32.

    Args:
        query_features: ``(Q, D)``.
        gallery_features: ``(G, D)``.

    Raises:
        ValueError: shapes disagree or a feature is not finite.
    """
    return product_rows(*as_feature_pair(query_features, gallery_features))


def product_rows(query: torch.Tensor, gallery: torch.Tensor) -> SimilarityRows:
    """:func:`inner_product_rows` of features that have been checked."""

    def rows(start: int, stop: int) -> torch.Tensor:
        return inner_products(query[start:stop], gallery)

    return rows


def inner_products(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """Products of all pairs, ``(L, R)``, equal wherever the same pair stands.

    BLAS multiplies a single vector, and on some processors the last columns of a product, by
    another routine, whose rounding differs, so that exact duplicates would not tie. So a lone
    row is multiplied twice, and the last columns are multiplied by themselves, filled up with
    zeros. Autocast is left out, as features are ranked in their own precision.

    Args:
        left: ``(L, D)``.
        right: ``(R, D)``, of the same type and on the same device.
    """
    rows, even = len(left), len(right) - len(right) % _EVEN
    left = left.repeat(2, 1) if rows == 1 else left
    with torch.autocast(left.device.type, enabled=False):
        products = left @ right[:even].T
        if even < len(right):
            last = right.new_zeros(_EVEN, right.shape[1])
            last[: len(right) - even] = right[even:]
            products = torch.cat([products, (left @ last.T)[:, : len(right) - even]], dim=1)
    return products[:rows]


def check_similarities(similarity: torch.Tensor, start: int) -> None:
    """Refuse similarities that overflowed: they would be ranked, and wrongly.

    Args:
        similarity: ``(B, G)``, before anything is left out of it.
        start: its first query.

    Raises:
        ValueError: one is NaN or infinite.
    """
    require_finite(
        similarity,
        f'the block of similarities of the queries {start} to {start + len(similarity) - 1} '
        '(normalize features as large as these)',
    )


def all_at_once(compute: RowRange, count: int, block: int) -> tuple[np.ndarray, ...]:
    """The :data:`RowSplit` of a single process."""
    return compute(0, count)


def stable_topk(values: torch.Tensor, k: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The ``k`` largest values of every row; of equal ones the lower index first.

    ``torch.topk`` leaves the choice among equal values open. Here only rows that
    are cut inside a group of equal values pay for a full sort.

    Args:
        values: ``(B, N)``, free of NaN.
        k: at most ``N``.

    Returns:
        ``(B, k)`` values, descending, and their int64 column indices.
    """
    columns = top_columns(values, k)
    ordered, order = values.gather(1, columns).sort(dim=1, descending=True, stable=True)
    return ordered, columns.gather(1, order)


def top_columns(values: torch.Tensor, k: int) -> torch.Tensor:
    """Columns of the same ``k`` values, in ascending order: ``(B, k)`` int64."""
    top = values.topk(k, dim=1)
    if k:
        cut_in_ties = (values >= top.values[:, -1:]).sum(dim=1) > k
        rows = cut_in_ties.nonzero().squeeze(1)
        tied = values[rows].sort(dim=1, descending=True, stable=True).indices[:, :k]
        top.indices[rows] = tied
    return top.indices.sort(dim=1).values


def row_slots(rows: torch.Tensor, num_rows: int) -> tuple[torch.Tensor, int]:
    """Where items of some rows stand when each row's are moved to its beginning.

    Args:
        rows: ``(M,)`` row of each item, ascending.
        num_rows: how many rows there are.

    Returns:
        ``(M,)`` int64 columns from 0 on, and the number of items in the fullest row.
    """
    counts = torch.bincount(rows, minlength=num_rows)
    slots = torch.arange(len(rows), device=rows.device) - (counts.cumsum(0) - counts)[rows]
    return slots, int(counts.max()) if len(rows) else 0
