"""Images to maps: MSViT, its blocks and its sparse attention."""

from .msvit import MSViT
from .sparse_grid_attention import SparseGridAttention

__all__ = ['MSViT', 'SparseGridAttention']
