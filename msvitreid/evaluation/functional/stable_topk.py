from __future__ import annotations

import torch


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
