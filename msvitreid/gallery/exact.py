"""Exact search: all products, and the nearest few once more in the way that lets equal ones tie.

BLAS rounds the product of one pair differently with its place in the matrix. So the first pass
only collects what may be among the nearest, with a margin for rounding; these few are multiplied
by ``inner_products``, which gives every pair the same number wherever it stands. A device may do
the first pass, and the result is the CPU's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch

from msvitreid.errors import GalleryError
from msvitreid.evaluation.functional.market_rule import Pairs, strike
from msvitreid.evaluation.functional.on_device import all_digits, to_host, upload
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
    device: str | torch.device = 'cpu',
) -> list[Found]:
    """The most similar rows of each query, of equal ones the lower row first.

    Args:
        vectors: the gallery.
        queries: ``(Q, D)`` float32 of unit length.
        k: rows of a query at most; None for all.
        threshold: smallest similarity of a row.
        allowed: ``(rows,)`` bool: which may be found; None for all.
        excluded: for each query ascending rows that it must not find.
        device: where all products are computed; the result does not depend on it.

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
        on_device = upload(part, torch.device(device))
        candidates = _candidates(vectors, on_device, k, threshold, allowed, own)
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
    queries: torch.Tensor,
    k: int | None,
    threshold: float | None,
    allowed: np.ndarray | None,
    excluded: Sequence[np.ndarray] | None,
) -> list[np.ndarray]:
    """Rows of each query among which the nearest certainly are."""
    # Sums of D rounded products of unit vectors differ by far less.
    margin = 2**-20 * vectors.dimension**0.5
    # Above -inf, at which is what must not be found.
    lowest = torch.finfo(queries.dtype).min if threshold is None else threshold - margin
    floor = queries.new_full((len(queries),), lowest)
    best = queries.new_empty(len(queries), 0)
    extremes: list[torch.Tensor] = []
    taken: list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]] = []
    for start, slots, block, keep in _blocks(vectors, allowed):
        with all_digits(queries.device):
            products = queries @ block.to(queries.device, non_blocking=True).T
        if products.numel():
            extremes.append(torch.stack(products.aminmax()))
        if keep is not None:
            products.masked_fill_(~keep.to(queries.device, non_blocking=True), -torch.inf)
        if excluded is not None:
            own = [_places(start, slots, len(block), one) for one in excluded]
            of_own = np.repeat(np.arange(len(own)), [len(one) for one in own])
            strike(products, Pairs(of_own, np.concatenate(own)), np.empty(0, dtype=np.int64))
        if k is not None:
            top = products.topk(min(k, products.shape[1]), dim=1).values
            best = torch.cat([best, top], dim=1)
            best = best.topk(min(k, best.shape[1]), dim=1).values
            if best.shape[1] == k:
                floor = (best[:, -1] - margin).clamp(min=lowest)
        # How many there are is what the host waits for, once a block.
        near_rows, near = (products >= floor[:, None]).nonzero(as_tuple=True)
        places = near + start if slots is None else upload(slots, near.device)[near]
        taken.append((near_rows, places, products[near_rows, near]))
    if not taken:
        return [np.zeros(0, np.int64)] * len(queries)
    parts = (torch.cat(columns) for columns in zip(*taken, strict=True))
    of_blocks = torch.stack(extremes) if extremes else queries.new_zeros(1, 2)
    of_query, found, values, last, limits = to_host(*parts, floor, of_blocks)
    if not np.isfinite(limits).all():
        raise GalleryError('the gallery holds vectors that are not finite; verify it')
    kept = values >= last[of_query]
    of_query, found = of_query[kept], found[kept]
    counts = np.bincount(of_query, minlength=len(queries))
    return np.split(found[of_query.argsort(kind='stable')], np.cumsum(counts)[:-1])


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
