"""Images to maps: MSViT, its blocks and its sparse attention; trained nets side by side."""

from .joined_nets import JoinedNets
from .msvit import MSViT
from .sparse_grid_attention import SparseGridAttention

__all__ = ['JoinedNets', 'MSViT', 'SparseGridAttention']
