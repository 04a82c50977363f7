from __future__ import annotations

import numpy as np
import torch

from .same_label_pairs import Pairs


def match_ranks(similarity: torch.Tensor, matches: Pairs) -> np.ndarray:
    """Rank of every match in its query's ranking.

    The rank is one plus the number of gallery items that are more similar, or
    equally similar with a lower index. Ranks need the row's sorted *values*, not
    the sorting permutation, which costs ten times as much; rows in which a match
    ties with another item do pay for the permutation.

    Args:
        similarity: ``(B, G)``, items left out at ``-inf``.
        matches: ``M`` pairs ordered by row, none of them left out.

    Returns:
        ``(M,)`` int64, 1 for the first place.
    """
    if not len(matches.rows):
        return np.empty(0, dtype=np.int64)
    device = similarity.device
    rows = torch.as_tensor(matches.rows, device=device)
    columns = torch.as_tensor(matches.columns, device=device)

    counts = torch.bincount(rows, minlength=len(similarity))
    slots = torch.arange(len(rows), device=device) - (counts.cumsum(0) - counts)[rows]
    padded = similarity.new_zeros(len(similarity), int(counts.max()))
    padded[rows, slots] = similarity[rows, columns]
    ascending = _sorted_values(similarity)
    not_above = torch.searchsorted(ascending, padded, right=True)[rows, slots]
    below = torch.searchsorted(ascending, padded, right=False)[rows, slots]
    ranks = similarity.shape[1] - not_above + 1

    tied_rows = rows[not_above - below > 1].unique()
    if len(tied_rows):
        in_tied_row = torch.isin(rows, tied_rows)
        places = _stable_places(similarity[tied_rows])
        row = torch.searchsorted(tied_rows, rows[in_tied_row])
        ranks[in_tied_row] = places[row, columns[in_tied_row]] + 1
    return ranks.cpu().numpy()


def _sorted_values(similarity: torch.Tensor) -> torch.Tensor:
    if similarity.device.type == 'cpu':
        # NumPy's vectorised sort of float32 values is 20 times as fast as torch's.
        return torch.from_numpy(np.sort(similarity.numpy(), axis=1))
    return similarity.sort(dim=1).values


def _stable_places(similarity: torch.Tensor) -> torch.Tensor:
    """``(B, G)``: zero-based place of each item, the lower index first in ties."""
    order = similarity.sort(dim=1, descending=True, stable=True).indices
    places = torch.arange(similarity.shape[1], device=similarity.device)
    return torch.empty_like(order).scatter_(1, order, places.expand_as(order))
