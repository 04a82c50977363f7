from __future__ import annotations

import numpy as np

AP_DEFINITIONS = ('trapezoid', 'plain')


def check_ap_definition(ap: str) -> None:
    """Raises:
    ValueError: ``ap`` is not one of ``AP_DEFINITIONS``.
    """
    if ap not in AP_DEFINITIONS:
        raise ValueError(f"ap must be 'trapezoid' or 'plain', got {ap!r}")


def precision_at_hits(hits: np.ndarray, ranks: np.ndarray, ap: str) -> np.ndarray:
    """Precision each hit contributes; their mean over a query's hits is its AP.

    - ``'plain'``: the precision at the hit, hits so far / rank.
    - ``'trapezoid'``: the mean of that and of the precision just before it,
      (hits - 1) / (rank - 1), which is 1 at the first rank. This is the
      trapezoid rule of the original Market-1501 code and the definition behind
      the published figures; it differs from plain AP by points.

    Args:
        hits: 1-based number of each hit within its query.
        ranks: 1-based rank of each hit, same shape.
        ap: ``'trapezoid'`` or ``'plain'``.

    Returns:
        Float64, the shape of ``hits``.

    Raises:
        ValueError: another ``ap``.
    """
    check_ap_definition(ap)
    at_hit = hits / ranks
    if ap == 'plain':
        return at_hit
    before_hit = np.where(ranks == 1, 1.0, (hits - 1) / np.maximum(ranks - 1, 1))
    return (before_hit + at_hit) / 2
