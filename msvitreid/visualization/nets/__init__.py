"""What a net looks at in an image: kept keys of sparse attention, and part pooling.

Takes a built model and prepared images; knows no files and no datasets.
"""

from .attention_picture import AttentionRow, draw_attention, keys_in_box
from .kept_keys import Attention, KeptKeys, attention_of, selection
from .parts_picture import PartsRow, draw_parts
from .pooled_parts import PooledVector, SimilarityShares, pooled_vectors, similarity_shares

__all__ = [
    'Attention',
    'AttentionRow',
    'KeptKeys',
    'PartsRow',
    'PooledVector',
    'SimilarityShares',
    'attention_of',
    'draw_attention',
    'draw_parts',
    'keys_in_box',
    'pooled_vectors',
    'selection',
    'similarity_shares',
]
