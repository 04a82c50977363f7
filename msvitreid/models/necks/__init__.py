"""Maps to vectors: which positions are pooled together, by which function.

How many parts there are is stated in ``configs/_base_/models/``. The BatchNorm of BNNeck is in
``models/heads/``.
"""

from .global_pooling import GlobalPoolingNeck
from .part_pooling import PartPoolingNeck

__all__ = ['GlobalPoolingNeck', 'PartPoolingNeck']
