from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor


class UnpreparedImages(NamedTuple):
    """Images of any sizes as they were decoded, and where pixels of the net's input lie in them.

    Attributes:
        pixels: ``(P, 3)`` uint8 RGB, row by row, of one image after the other.
        sizes: ``(N, 2)`` int64 height and width of each.
        rows: ``(N, H)`` float32, where in an image each row of the input is sampled.
        columns: ``(N, W)`` float32, the same of columns.
    """

    pixels: Tensor
    sizes: Tensor
    rows: Tensor
    columns: Tensor

    @property
    def shape(self) -> torch.Size:
        """Of the input that they become."""
        return torch.Size((len(self.rows), 3, self.rows.shape[1], self.columns.shape[1]))

    @classmethod
    def joined(cls, parts: Sequence[UnpreparedImages]) -> UnpreparedImages:
        """The images of all parts, whose inputs have one size."""
        return cls(*(torch.cat(fields) for fields in zip(*parts, strict=True)))
