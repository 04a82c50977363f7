"""``mmcv.cnn`` without the notice that mmcv-lite lacks compiled ops.

We need none of those ops, and the notice would open every program's output.
"""

import warnings

with warnings.catch_warnings():
    warnings.filterwarnings('ignore', message='Fail to import')
    from mmcv.cnn.bricks import DropPath

__all__ = ['DropPath']
