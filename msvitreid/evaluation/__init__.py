"""Measures of rankings: pure functions, and the mmengine metrics around them."""

from .metrics import ReIDMetric, RetrievalMetric

__all__ = ['ReIDMetric', 'RetrievalMetric']
