"""Similarities in blocks of queries, and the largest of them.

BLAS rounds a product differently in blocks of different sizes. Ranges that start at multiples
of the block give every row the very numbers that it has when one process does them all.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch

from .inputs import Array, as_feature_pair, require_finite
from .on_device import all_digits, to_host, upload

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
    zeros. Autocast and TF32 are left out, as features are ranked in their own precision.

    Args:
        left: ``(L, D)``.
        right: ``(R, D)``, of the same type and on the same device.
    """
    rows, even = len(left), len(right) - len(right) % _EVEN
    left = left.repeat(2, 1) if rows == 1 else left
    with torch.autocast(left.device.type, enabled=False), all_digits(left.device):
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
    (found,) = to_host(extremes(similarity))
    check_extremes(found, start, len(similarity))


def extremes(similarity: torch.Tensor) -> torch.Tensor:
    """The least and the largest number, ``(2,)``; they carry any NaN or infinity."""
    if not similarity.numel():
        return similarity.new_zeros(2)
    return torch.stack(similarity.aminmax())


def check_extremes(found: np.ndarray, start: int, count: int) -> None:
    """:func:`check_similarities` of the :func:`extremes` of ``count`` queries' similarities."""
    require_finite(
        torch.from_numpy(found),
        f'the block of similarities of the queries {start} to {start + count - 1} '
        '(normalize features as large as these)',
    )


def all_at_once(compute: RowRange, count: int, block: int) -> tuple[np.ndarray, ...]:
    """The :data:`RowSplit` of a single process."""
    return compute(0, count)


def stable_topk(values: torch.Tensor, k: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The ``k`` largest values of every row; of equal ones the lower index first.

    ``torch.topk`` leaves the choice among equal values open. Here only rows that
    are cut inside a group of equal values pay for a full sort. On a device all do: which these
    are is not known to the host.

    Args:
        values: ``(B, N)``, free of NaN.
        k: at most ``N``.

    Returns:
        ``(B, k)`` values, descending, and their int64 column indices.
    """
    if values.device.type != 'cpu':
        ordered, order = values.sort(dim=1, descending=True, stable=True)
        return ordered[:, :k], order[:, :k]
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


BLOCK = 512
"""Items along each side of a block of distances."""


_PENDING = 4
"""Candidates of an item that wait, on average, before they are sorted in."""


class Neighbors(NamedTuple):
    """The nearest items of some items, nearest first, of equally near ones the lower index.

    Attributes:
        indices: ``(B, k)`` int64, each item itself included unless ``k`` exact duplicates
            have lower indices.
        distances: ``(B, k)`` float32, squared Euclidean.
        largest: ``(B,)`` float32, the squared distance to the farthest item.
    """

    indices: np.ndarray
    distances: np.ndarray
    largest: np.ndarray


def squared_norms(features: torch.Tensor) -> torch.Tensor:
    """``(N,)``, in blocks: the squares would need the features' memory again."""
    return torch.cat([part.square().sum(dim=1) for part in features.split(BLOCK)])


def squared_distances(
    left: torch.Tensor,
    right: torch.Tensor,
    left_norms: torch.Tensor,
    right_norms: torch.Tensor,
) -> torch.Tensor:
    """``(L, R)`` squared Euclidean distances, not below 0."""
    products = inner_products(left, right)
    return products.mul_(-2).add_(left_norms[:, None]).add_(right_norms).clamp_(min=0)


def nearest_neighbors(
    features: torch.Tensor | StackedRows, norms: torch.Tensor, k: int, start: int, stop: int
) -> Neighbors:
    """Search all items for the nearest of the items ``start`` to ``stop``.

    Distances are symmetric: a block of them serves its rows and its columns, so that half of
    the blocks are computed, always the same half and always of the same size. So an item's
    neighbors do not depend on the range it is searched in.

    Args:
        features: ``(N, D)`` float.
        norms: ``(N,)`` their squared norms.
        k: at most N.
        start: the first item, a multiple of :data:`BLOCK`.
        stop: one past the last, a multiple of it too, or N.
    """
    nearest = [
        _Nearest(first, min(first + BLOCK, stop), k, features.device)
        for first in range(start, stop, BLOCK)
    ]
    blocks = [slice(first, first + BLOCK) for first in range(0, len(features), BLOCK)]
    for i, upper in enumerate(blocks):
        # Of a search that is divided this range's rows and columns are needed.
        for lower in blocks[i:]:
            wanted = [one for one in nearest if one.first in (upper.start, lower.start)]
            if not wanted:
                continue
            squared = squared_distances(
                features[upper], features[lower], norms[upper], norms[lower]
            )
            if upper == lower:
                squared.fill_diagonal_(0)
            for one in wanted:
                if one.first == upper.start:
                    one.add(squared.neg(), lower.start)
                else:
                    one.add(squared.T.neg().contiguous(), upper.start)
    found = Neighbors(
        np.empty((stop - start, k), dtype=np.int64),
        np.empty((stop - start, k), dtype=np.float32),
        np.empty(stop - start, dtype=np.float32),
    )
    for one in nearest:
        one.write(found, one.first - start)
    return found


class _Nearest:
    """The nearest so far of one block of items; columns come in ascending order.

    What may be among them is collected, and sorted in when there is enough of it.
    """

    def __init__(self, first: int, stop: int, k: int, device: torch.device) -> None:
        self.first = first
        self._k = k
        self._pending: list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]] = []
        self._nearness = torch.empty(stop - first, 0, device=device)
        self._indices = torch.empty(stop - first, 0, dtype=torch.int64, device=device)
        self._farthest = torch.zeros(stop - first, device=device)

    def add(self, nearness: torch.Tensor, first_column: int) -> None:
        """Take note of ``(B, W)`` negated distances to the items from ``first_column`` on."""
        self._farthest = torch.minimum(self._farthest, nearness.amin(dim=1))
        if nearness.device.type != 'cpu':
            # Sorting a block is less there than having the host wait for how many there are.
            indices = torch.arange(nearness.shape[1], device=nearness.device) + first_column
            self._merge(nearness, indices.expand_as(nearness))
            return
        if self._nearness.shape[1] < self._k:
            columns = top_columns(nearness, min(self._k, nearness.shape[1]))
            self._merge(nearness.gather(1, columns), columns + first_column)
            return
        # An equal one comes after those that are there, so it is not among the nearest.
        rows, columns = (nearness > self._nearness[:, -1:]).nonzero(as_tuple=True)
        self._pending.append((rows, columns + first_column, nearness[rows, columns]))
        if sum(len(rows) for rows, *_ in self._pending) > _PENDING * len(nearness):
            self._merge_pending()

    def _merge_pending(self) -> None:
        """Rows that have fewer candidates than others are filled up with ``-inf``."""
        if not self._pending:
            return
        rows, columns, values = (torch.cat(parts) for parts in zip(*self._pending, strict=True))
        self._pending.clear()
        rows, order = rows.sort(stable=True)
        slots, width = row_slots(rows, len(self._nearness))
        nearness = values.new_full((len(self._nearness), width), -torch.inf)
        nearness[rows, slots] = values[order]
        indices = columns.new_zeros(nearness.shape)
        indices[rows, slots] = columns[order]
        self._merge(nearness, indices)

    def _merge(self, nearness: torch.Tensor, indices: torch.Tensor) -> None:
        nearness = torch.cat([self._nearness, nearness], dim=1)
        indices = torch.cat([self._indices, indices], dim=1)
        ordered, order = nearness.sort(dim=1, descending=True, stable=True)
        self._nearness = ordered[:, : self._k]
        self._indices = indices.gather(1, order[:, : self._k])

    def write(self, found: Neighbors, place: int) -> None:
        self._merge_pending()
        rows = slice(place, place + len(self._indices))
        of_block = self._indices, self._nearness.neg(), self._farthest.neg()
        for of_all, values in zip(found, to_host(*of_block), strict=True):
            of_all[rows] = values


class StackedRows:
    """Two matrices as if one stood on top of the other, without a copy of them.

    Args:
        top: ``(T, D)``.
        bottom: ``(B, D)``, of the same type and on the same device.
    """

    def __init__(self, top: torch.Tensor, bottom: torch.Tensor) -> None:
        self._top, self._bottom = top, bottom
        self.device = top.device

    def __len__(self) -> int:
        return len(self._top) + len(self._bottom)

    def __getitem__(self, rows: slice | np.ndarray) -> torch.Tensor:
        """Consecutive rows, a view if they are of one matrix; or those of ``(M,)`` indices."""
        border = len(self._top)
        if isinstance(rows, slice):
            start, stop, _ = rows.indices(len(self))
            stop = max(start, stop)
            if start >= border:
                return self._bottom[start - border : stop - border]
            top = self._top[start:stop]
            return top if stop <= border else torch.cat([top, self._bottom[: stop - border]])
        found = self._top.new_empty(len(rows), self._top.shape[1])
        is_top = rows < border
        for matrix, first, chosen in ((self._top, 0, is_top), (self._bottom, border, ~is_top)):
            places = np.flatnonzero(chosen)
            found[upload(places, self.device)] = matrix[
                upload(rows[places] - first, self.device)
            ]
        return found
