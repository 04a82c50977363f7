"""Exact search: all products, and the nearest few once more in the way that lets equal ones tie.

BLAS rounds the product of one pair differently with its place in the matrix. So the first pass
only collects what may be among the nearest, with a margin for rounding; these few are multiplied
by ``inner_products``, which gives every pair the same number wherever it stands.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch

from msvitreid.errors import GalleryError
from msvitreid.evaluation.functional.similarity import inner_products

from .vectors import VectorFile

_PRODUCTS = 2**24
"""Similarities held at once."""

_ROWS = 4096
"""Rows that are gathered at once."""

_SPARSE = 4
"""If fewer than one row in so many may be found, only those are read."""

Found = tuple[np.ndarray, np.ndarray]
"""Rows and their similarities, best first."""


def nearest(
    vectors: VectorFile,
    queries: np.ndarray,
    k: int | None,
    threshold: float | None = None,
    allowed: np.ndarray | None = None,
    excluded: Sequence[np.ndarray] | None = None,
) -> list[Found]:
    """The most similar rows of each query, of equal ones the lower row first.

    Args:
        vectors: the gallery.
        queries: ``(Q, D)`` float32 of unit length.
        k: rows of a query at most; None for all.
        threshold: smallest similarity of a row.
        allowed: ``(rows,)`` bool: which may be found; None for all.
        excluded: for each query ascending rows that it must not find.

    Raises:
        GalleryError: a stored vector is not finite.
    """
    found: list[Found] = []
    chunk = max(
        1, min(256, _PRODUCTS // min(vectors.rows or 1, 2**27 // 4 // vectors.dimension))
    )
    for start in range(0, len(queries), chunk):
        part = queries[start : start + chunk]
        own = None if excluded is None else excluded[start : start + chunk]
        candidates = _candidates(vectors, part, k, threshold, allowed, own)
        found += [
            rescored(vectors, query, slots, k, threshold)
            for query, slots in zip(part, candidates, strict=True)
        ]
    return found


def rescored(
    vectors: VectorFile,
    query: np.ndarray,
    slots: np.ndarray,
    k: int | None,
    threshold: float | None,
) -> Found:
    """The ``k`` best of some rows by their exact similarities."""
    one = torch.from_numpy(query[None])
    parts = [
        inner_products(one, torch.from_numpy(vectors.at(slots[start : start + _ROWS])))[0]
        for start in range(0, len(slots), _ROWS)
    ]
    values = torch.cat(parts).numpy() if parts else np.zeros(0, np.float32)
    if threshold is not None:
        enough = values >= threshold
        slots, values = slots[enough], values[enough]
    order = np.lexsort((slots, -values))[:k]
    return slots[order], values[order]


def _candidates(
    vectors: VectorFile,
    queries: np.ndarray,
    k: int | None,
    threshold: float | None,
    allowed: np.ndarray | None,
    excluded: Sequence[np.ndarray] | None,
) -> list[np.ndarray]:
    """Rows of each query among which the nearest certainly are."""
    # Sums of D rounded products of unit vectors differ by far less.
    margin = 2**-20 * vectors.dimension**0.5
    query = torch.from_numpy(queries)
    lowest = -torch.inf if threshold is None else threshold - margin
    floor = torch.full((len(queries),), lowest)
    best = torch.empty(len(queries), 0)
    taken: list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]] = []
    for start, slots, block, keep in _blocks(vectors, allowed):
        products = query @ block.T
        if products.numel() and not torch.isfinite(torch.stack(products.aminmax())).all():
            raise GalleryError('the gallery holds vectors that are not finite; verify it')
        if keep is not None:
            products.masked_fill_(~keep, -torch.inf)
        if excluded is not None:
            for row, own in zip(products, excluded, strict=True):
                row[_places(start, slots, len(block), own)] = -torch.inf
        if k is not None:
            top = products.topk(min(k, products.shape[1]), dim=1).values
            best = torch.cat([best, top], dim=1)
            best = best.topk(min(k, best.shape[1]), dim=1).values
            if best.shape[1] == k:
                floor = (best[:, -1] - margin).clamp(min=lowest)
        near = products >= floor[:, None]
        if (floor == -torch.inf).any():
            near &= products > -torch.inf
        rows, columns = near.nonzero(as_tuple=True)
        places = columns + start if slots is None else torch.from_numpy(slots)[columns]
        taken.append((rows, places, products[rows, columns]))
    if not taken:
        return [np.zeros(0, np.int64)] * len(queries)
    rows, places, values = (torch.cat(parts) for parts in zip(*taken, strict=True))
    near = values >= floor[rows]
    rows, places = rows[near], places[near]
    order = rows.argsort(stable=True)
    counts = torch.bincount(rows, minlength=len(queries)).tolist()
    return [part.numpy() for part in places[order].split(counts)]


def _blocks(
    vectors: VectorFile, allowed: np.ndarray | None
) -> Iterator[tuple[int, np.ndarray | None, torch.Tensor, torch.Tensor | None]]:
    """The first row, row numbers (None for consecutive ones), vectors, and which count (None: all).

    A million consecutive numbers written down take as long as a tenth of the products.
    """
    if allowed is not None:
        chosen = np.flatnonzero(allowed)
        if len(chosen) * _SPARSE < vectors.rows:
            for start in range(0, len(chosen), _ROWS):
                slots = chosen[start : start + _ROWS]
                yield int(slots[0]), slots, torch.from_numpy(vectors.at(slots)), None
            return
    for start, block in vectors.blocks():
        keep = (
            None if allowed is None else torch.from_numpy(allowed[start : start + len(block)])
        )
        yield start, None, block, keep


def _places(start: int, slots: np.ndarray | None, count: int, wanted: np.ndarray) -> np.ndarray:
    """Where the wanted rows stand among ascending ones, or consecutive ones."""
    if slots is None:
        return wanted[(wanted >= start) & (wanted < start + count)] - start
    inside = wanted[(wanted >= slots[0]) & (wanted <= slots[-1])]
    places = np.searchsorted(slots, inside)
    return places[slots[places] == inside]
