"""Sparse attention and its selection on the CPU and on devices; grouped convolutions on GPUs.

Only operations on arrays enter, and what makes a net use them: no config. Each has a plain
counterpart in the tests.
"""

from .grouped_conv import grouped_conv3x3, use_grouped_conv_kernel
from .selection import ExactSelection, mask_of_largest, select_largest
from .sparse_softmax import sparse_softmax
from .triton_attention import takes_triton, triton_attention

__all__ = [
    'ExactSelection',
    'grouped_conv3x3',
    'mask_of_largest',
    'select_largest',
    'sparse_softmax',
    'takes_triton',
    'triton_attention',
    'use_grouped_conv_kernel',
]
