from __future__ import annotations

import torch


def inner_products(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """Products of all pairs, ``(L, R)``, equal wherever the same pair stands.

    BLAS multiplies a single vector by another routine, whose rounding depends on the place, so
    that exact duplicates would not tie: a lone row is multiplied twice. Autocast is left out,
    as features are ranked in their own precision.

    Args:
        left: ``(L, D)``.
        right: ``(R, D)``, of the same type and on the same device.
    """
    rows, columns = len(left), len(right)
    with torch.autocast(left.device.type, enabled=False):
        return (_no_lone_row(left) @ _no_lone_row(right).T)[:rows, :columns]


def _no_lone_row(matrix: torch.Tensor) -> torch.Tensor:
    return matrix.repeat(2, 1) if len(matrix) == 1 else matrix
