from __future__ import annotations

import torch


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

    def __getitem__(self, rows: slice | torch.Tensor) -> torch.Tensor:
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
        found[is_top] = self._top[rows[is_top]]
        found[~is_top] = self._bottom[rows[~is_top] - border]
        return found
