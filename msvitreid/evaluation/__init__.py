"""Measures of rankings: pure functions in ``functional``, and the mmengine metrics around them.

The metrics are imported when one is asked for, so that the functions alone need no mmengine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .metrics import (
        EmbeddingMetric,
        RandomGalleryMetric,
        ReIDMetric,
        RetrievalMetric,
        TopKAccuracy,
    )

__all__ = [
    'EmbeddingMetric',
    'RandomGalleryMetric',
    'ReIDMetric',
    'RetrievalMetric',
    'TopKAccuracy',
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    from . import metrics

    return getattr(metrics, name)
