"""Measures of rankings: pure functions, and the mmengine metrics around them."""

from .metrics import RandomGalleryMetric, ReIDMetric, RetrievalMetric

__all__ = ['RandomGalleryMetric', 'ReIDMetric', 'RetrievalMetric']
