from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch

from .row_slots import row_slots
from .same_label_pairs import Pairs

_TIED = 64
"""Rows compared entry by entry at once."""


def match_ranks(similarity: torch.Tensor, matches: Pairs) -> np.ndarray:
    """Rank of every match in its query's ranking.

    The rank is one plus the number of gallery items that are more similar, or
    equally similar with a lower index. Counting them needs the row's sorted *values*,
    not the sorting permutation, which costs ten times as much.

    Args:
        similarity: ``(B, G)``, items left out at ``-inf``.
        matches: ``M`` pairs ordered by row, none of them left out.

    Returns:
        ``(M,)`` int64, 1 for the first place.
    """
    rows = torch.as_tensor(matches.rows, device=similarity.device)
    columns = torch.as_tensor(matches.columns, device=similarity.device)
    values = similarity[rows, columns]
    above, equal = count_above(similarity, rows, values)
    tied = (equal > 1).nonzero().squeeze(1)  # with another one than itself
    above[tied] += count_tied_before(similarity, rows[tied], columns[tied], values[tied])
    return (above + 1).cpu().numpy()


def count_above(
    similarity: torch.Tensor, rows: torch.Tensor, values: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """How many entries of a row are larger than a value, and how many equal it.

    Args:
        similarity: ``(B, G)``.
        rows: ``(M,)`` the row for each value, ascending.
        values: ``(M,)`` above ``-inf``.

    Returns:
        Two int64 ``(M,)`` tensors.
    """
    if not len(rows):
        return rows, rows
    slots, width = row_slots(rows, len(similarity))
    padded = similarity.new_zeros(len(similarity), width)
    padded[rows, slots] = values
    ascending = _sorted_values(similarity)
    not_above = torch.searchsorted(ascending, padded, right=True)[rows, slots]
    below = torch.searchsorted(ascending, padded, right=False)[rows, slots]
    return similarity.shape[1] - not_above, not_above - below


def count_tied_before(
    similarity: torch.Tensor, rows: torch.Tensor, columns: torch.Tensor, values: torch.Tensor
) -> torch.Tensor:
    """How many entries of a row that equal a value stand left of a column.

    Args:
        similarity: ``(B, G)``.
        rows: ``(M,)`` the row for each value.
        columns: ``(M,)``, may lie outside.
        values: ``(M,)``.

    Returns:
        ``(M,)`` int64.
    """
    before = torch.zeros_like(columns)
    indices = torch.arange(similarity.shape[1], device=columns.device)
    for start in range(0, len(rows), _TIED):
        part = slice(start, start + _TIED)
        equal = similarity[rows[part]] == values[part, None]
        before[part] = (equal & (indices < columns[part, None])).sum(dim=1)
    return before


def _sorted_values(similarity: torch.Tensor) -> torch.Tensor:
    """Rows in ascending order."""
    if similarity.device.type != 'cpu':
        return similarity.sort(dim=1).values
    # NumPy's vectorised sort of float32 values is 20 times as fast as torch's. It has one
    # thread, but lets others run.
    ascending = similarity.numpy().copy()
    threads = torch.get_num_threads()
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(lambda part: part.sort(axis=1), np.array_split(ascending, threads)))
    return torch.from_numpy(ascending)
