from __future__ import annotations

import torch

from .inputs import require_finite

_EVEN = 32
"""Columns of a product in multiples of which BLAS computes all of them alike."""


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
