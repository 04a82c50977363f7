"""Maps to vectors: which positions are pooled together.

How many parts there are is stated in ``configs/_base_/models/``.
"""

from .global_pooling import GlobalPoolingNeck
from .part_pooling import PartPoolingNeck

__all__ = ['GlobalPoolingNeck', 'PartPoolingNeck']
