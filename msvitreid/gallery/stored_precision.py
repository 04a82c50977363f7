"""Vectors as bytes in the three precisions, and what the smaller ones lose."""

from __future__ import annotations

import numpy as np
import torch

_QUERIES = 64
_CANDIDATES = 10_000
_FEWEST = 100
"""Of so few vectors most are among the 10 nearest anyhow."""


def row_bytes(precision: str, dimension: int) -> int:
    """Bytes of a vector; in int8 its scale stands before it."""
    return {'float32': 4 * dimension, 'float16': 2 * dimension, 'int8': 4 + dimension}[
        precision
    ]


def encode(vectors: np.ndarray, precision: str) -> np.ndarray:
    """``(N, D)`` float32 as ``(N, row_bytes)`` uint8.

    In int8 the largest value of a vector becomes 127, and the scale is such that the decoded
    vector is of unit length.
    """
    if precision == 'float32':
        return np.ascontiguousarray(vectors, '<f4').view(np.uint8)
    if precision == 'float16':
        return vectors.astype('<f2').view(np.uint8)
    whole = np.rint(vectors * (127 / np.abs(vectors).max(axis=1, keepdims=True)))
    scales = (1 / np.linalg.norm(whole, axis=1, keepdims=True)).astype('<f4')
    return np.concatenate([scales.view(np.uint8), whole.astype(np.int8).view(np.uint8)], axis=1)


def decode(raw: np.ndarray, precision: str) -> np.ndarray:
    """``(N, D)`` float32; without a copy if they are stored so."""
    if precision == 'float32':
        return raw.view('<f4')
    if precision == 'float16':
        return raw.view('<f2').astype(np.float32)
    scales = np.ascontiguousarray(raw[:, :4]).view('<f4')
    return raw[:, 4:].view(np.int8).astype(np.float32) * scales


def measure(vectors: np.ndarray, raw: np.ndarray, precision: str) -> tuple[int, int]:
    """How much of the nearest neighbors of vectors survives their storage.

    Args:
        vectors: ``(N, D)`` float32 that are stored; at most 10,000 of them are compared.
        raw: as :func:`encode` made of them.
        precision: of ``raw``.

    Returns:
        Of the 10 nearest others of up to 64 vectors, how many are still among them, and how
        many were compared; (0, 0) if there is nothing to measure.
    """
    if precision == 'float32' or len(vectors) < _FEWEST:
        return 0, 0
    exact = torch.from_numpy(vectors[:_CANDIDATES])
    stored = torch.from_numpy(decode(raw[:_CANDIDATES], precision))
    chosen = torch.linspace(0, len(exact) - 1, _QUERIES).long().unique()
    rows = torch.arange(len(chosen))
    nearest = []
    for gallery in (exact, stored):
        products = exact[chosen] @ gallery.T
        products[rows, chosen] = -torch.inf
        nearest.append(products.topk(10, dim=1).indices)
    kept = (nearest[0][:, :, None] == nearest[1][:, None, :]).any(dim=2)
    return int(kept.sum()), kept.numel()
