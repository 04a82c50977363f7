"""The selection of sparse attention, on the CPU and on devices.

Only operations on arrays enter: no module, no config. Each has a plain counterpart in the tests.
"""

from .selection import ExactSelection, mask_of_largest, select_largest
from .sparse_softmax import sparse_softmax

__all__ = ['ExactSelection', 'mask_of_largest', 'select_largest', 'sparse_softmax']
