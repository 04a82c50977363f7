from __future__ import annotations

import cv2
import numpy as np
from mmcv.transforms import BaseTransform

from msvitreid.datasets.regular_file import read_regular_file
from msvitreid.errors import DatasetError
from msvitreid.registry import TRANSFORMS

from .image_header import fault_before_decoding


@TRANSFORMS.register_module()
class LoadImage(BaseTransform):
    """Decode the image file ``img_path`` to ``img``, ``(H, W, 3)`` uint8 RGB.

    Read are BMP, GIF, JPEG, PNG, TIFF and WebP, known by their content, and of several
    frames the first. The orientation that the file's EXIF data give is applied; grey, CMYK
    and palettes become RGB; of 16 bits the upper 8 are taken; alpha is left out, so that
    the colour stored for a transparent pixel shows. ``img_shape`` and ``ori_shape``,
    (H, W), are set for the transforms that read them.

    Raises:
        DatasetError: the file is missing, empty, no regular file, not an image, cut short,
            or claims more pixels than any image of a person or a product has.
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
        content = read_regular_file(path)
    except OSError as error:
        raise DatasetError(
            f'{path}: the image cannot be read ({error.strerror}); restore the file or take '
            'it out of the dataset'
        ) from error
    fault = fault_before_decoding(content) if content else 'the image file is empty'
    img = None if fault else _decode_content(content)
    if img is None:
        fault = fault or 'the file is not an image that OpenCV can decode'
        raise DatasetError(f'{path}: {fault}; download it again or take it out of the dataset')
    return cv2.cvtColor(img, cv2.COLOR_BGR2RGB, dst=img)


def _decode_content(content: bytes) -> np.ndarray | None:
    try:
        return cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:  # of sizes that OpenCV refuses by itself, where it is not None
        return None
