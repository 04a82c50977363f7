from __future__ import annotations

import cv2
import numpy as np
import torch
from mmcv.transforms import BaseTransform
from torch import Tensor

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

    def transform(self, results: dict) -> dict:
        data = {key: results[key] for key in self.data_keys if key in results}
        meta = {key: results[key] for key in self.meta_keys if key in results}
        return {
            'inputs': _channels_first(results['img']),
            'data_samples': ReIDDataSample(metainfo=meta, **data),
        }

    def __repr__(self) -> str:
        return f'{type(self).__name__}()'


def _channels_first(img: np.ndarray) -> Tensor:
    """A new ``(3, H, W)`` tensor of an ``(H, W, 3)`` image or view, flipped ones too.

    OpenCV takes the channels apart in a third of the time of NumPy's transposed copy, but
    would first copy a view with negative strides, which a flipped image is, pixel by pixel.
    """
    if img.strides[1] < 0:
        img = cv2.flip(img[:, ::-1], 1)
    planes = np.empty((img.shape[2], *img.shape[:2]), img.dtype)
    cv2.split(img, mv=list(planes))
    return torch.from_numpy(planes)
