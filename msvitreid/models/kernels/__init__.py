"""The selection of sparse attention, on the CPU and on devices, and attention as a whole.

Only operations on arrays enter: no module, no config. Each has a plain counterpart in the tests.
"""

from .selection import ExactSelection, mask_of_largest, select_largest
from .sparse_softmax import sparse_softmax
from .triton_attention import takes_triton, triton_attention

__all__ = [
    'ExactSelection',
    'mask_of_largest',
    'select_largest',
    'sparse_softmax',
    'takes_triton',
    'triton_attention',
]
