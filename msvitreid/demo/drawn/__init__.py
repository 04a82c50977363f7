"""The sample dataset: drawn pedestrians, seen by several cameras, some of them occluded."""

from .plan import SyntheticStatistics
from .writer import make_synthetic

__all__ = ['SyntheticStatistics', 'make_synthetic']
