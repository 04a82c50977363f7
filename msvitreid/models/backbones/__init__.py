from .msvit import MSViT
from .sparse_grid_attention import SparseGridAttention

__all__ = ['MSViT', 'SparseGridAttention']
