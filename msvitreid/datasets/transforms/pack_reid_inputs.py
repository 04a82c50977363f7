from __future__ import annotations

from typing import Any

import torch
from mmcv.transforms import BaseTransform

from msvitreid.registry import TRANSFORMS
from msvitreid.structures import ReIDDataSample


@TRANSFORMS.register_module()
class PackReIDInputs(BaseTransform):
    """Make of a dataset entry and its image what the model takes.

    Returns ``dict(inputs, data_samples)``: the image as a contiguous ``(3, H, W)`` uint8
    tensor, and a :class:`ReIDDataSample` with those of ``pid``, ``camid`` and ``label``
    that the entry has, and as metainfo those of ``img_path``, ``split``, ``sample_idx`` and
    ``dataset`` (the name of a set among several).
    """

    data_keys = ('pid', 'camid', 'label')
    meta_keys = ('img_path', 'split', 'sample_idx', 'dataset')

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        # A flipped image is a view with negative strides, which torch does not take. cv2.split
        # is slower in a pipeline: its planes, often multiples of 4 KiB apart, contend for the
        # same places in the cache.
        channels_first = results['img'].transpose(2, 0, 1).copy()
        data = {key: results[key] for key in self.data_keys if key in results}
        meta = {key: results[key] for key in self.meta_keys if key in results}
        return {
            'inputs': torch.from_numpy(channels_first),
            'data_samples': ReIDDataSample(metainfo=meta, **data),
        }

    def __repr__(self) -> str:
        return f'{type(self).__name__}()'
