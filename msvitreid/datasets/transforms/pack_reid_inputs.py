from __future__ import annotations

from typing import Any

import numpy as np
import torch
from mmcv.transforms import BaseTransform
from torch import Tensor

from msvitreid.registry import TRANSFORMS
from msvitreid.structures import ReIDDataSample, UnpreparedImages


@TRANSFORMS.register_module()
class PackReIDInputs(BaseTransform):
    """Make of a dataset entry and its image what the model takes.

    Returns ``dict(inputs, data_samples)``: the image as a contiguous ``(3, H, W)`` uint8
    tensor, and a :class:`ReIDDataSample` with those of ``pid``, ``camid`` and ``label``
    that the entry has, and as metainfo those of ``img_path``, ``split``, ``sample_idx`` and
    ``dataset`` (the name of a set among several).

    After :class:`PrepareOnDevice` the inputs are :class:`UnpreparedImages` of one image.
    """

    data_keys = ('pid', 'camid', 'label')
    meta_keys = ('img_path', 'split', 'sample_idx', 'dataset')

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        data = {key: results[key] for key in self.data_keys if key in results}
        meta = {key: results[key] for key in self.meta_keys if key in results}
        return {
            'inputs': _unprepared(results) if 'rows' in results else _image(results['img']),
            'data_samples': ReIDDataSample(metainfo=meta, **data),
        }

    def __repr__(self) -> str:
        return f'{type(self).__name__}()'


def _image(img: np.ndarray) -> Tensor:
    # A flipped image is a view with negative strides, which torch does not take. cv2.split
    # is slower in a pipeline: its planes, often multiples of 4 KiB apart, contend for the
    # same places in the cache.
    return torch.from_numpy(img.transpose(2, 0, 1).copy())


def _unprepared(results: dict[str, Any]) -> UnpreparedImages:
    # An image of KeepInMemory cannot be written to, and torch has no such tensors.
    img = np.require(results['img'], requirements=['C', 'W'])
    return UnpreparedImages(
        torch.from_numpy(img.reshape(-1, 3)),
        torch.from_numpy(np.array([img.shape[:2]])),
        torch.from_numpy(results['rows'][None]),
        torch.from_numpy(results['columns'][None]),
    )
