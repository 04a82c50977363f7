from __future__ import annotations

import torch


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
