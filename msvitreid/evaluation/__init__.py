"""Measures of rankings: pure functions, and the mmengine metrics around them."""

from .metrics import RandomGalleryMetric, ReIDMetric, RetrievalMetric, TopKAccuracy

__all__ = ['RandomGalleryMetric', 'ReIDMetric', 'RetrievalMetric', 'TopKAccuracy']
