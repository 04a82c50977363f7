from __future__ import annotations

import cv2
import numpy as np
from mmcv.transforms import BaseTransform

from msvitreid.errors import DatasetError
from msvitreid.registry import TRANSFORMS


@TRANSFORMS.register_module()
class LoadImage(BaseTransform):
    """Decode the image file ``img_path`` to ``img``, ``(H, W, 3)`` uint8 RGB.

    The orientation that the file's EXIF data give is applied. ``img_shape`` and
    ``ori_shape``, (H, W), are set for the transforms that read them.

    Raises:
        DatasetError: the file is missing, empty or not an image.
    """

    def transform(self, results: dict) -> dict:
        img = _decode(results['img_path'])
        results['img'] = img
        results['img_shape'] = results['ori_shape'] = img.shape[:2]
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}()'


def _decode(path: str) -> np.ndarray:
    try:
        with open(path, 'rb') as file:
            content = file.read()
    except OSError as error:
        raise DatasetError(
            f'{path}: the image cannot be read ({error.strerror}); restore the file or take '
            'it out of the dataset'
        ) from error
    if not content:
        raise DatasetError(
            f'{path}: the image file is empty; download it again or take it out of the dataset'
        )
    img = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    if img is None:
        raise DatasetError(
            f'{path}: the file is not an image that OpenCV can decode; download it again or '
            'take it out of the dataset'
        )
    return cv2.cvtColor(img, cv2.COLOR_BGR2RGB, dst=img)
