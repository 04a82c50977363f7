"""Maps to vectors: which positions are pooled together."""

from .global_pooling import GlobalPoolingNeck
from .part_pooling import PartPoolingNeck

__all__ = ['GlobalPoolingNeck', 'PartPoolingNeck']
