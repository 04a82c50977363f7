from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from mmcv.transforms import BaseTransform

from msvitreid.errors import ConfigError
from msvitreid.registry import TRANSFORMS
from msvitreid.utils.checks import require_whole


@TRANSFORMS.register_module()
class LetterboxResize(BaseTransform):
    """Resize to fit in ``scale`` with the aspect ratio kept, and pad the rest on both sides.

    The image is centered; of an odd number of rows or columns the one more is at the bottom or
    right. It is resized as by mmcv's ``Resize``, whose place this one can take without another
    change: bilinear, without antialiasing.

    Args:
        scale: Width and height of the result, pixels, in the order of mmcv's ``Resize``.
        fill: Value of the padding, 0 to 255, or one of R, G and B each.

    Raises:
        ConfigError: a number is out of its range.
    """

    def __init__(self, scale: Sequence[int], fill: int | Sequence[int] = 0) -> None:
        if not isinstance(scale, list | tuple) or len(scale) != 2:
            raise ConfigError(f'LetterboxResize: scale must be (width, height), got {scale!r}')
        for side in scale:
            require_whole('LetterboxResize: scale', side, 1)
        values = list(fill) if isinstance(fill, list | tuple) else [fill] * 3
        if len(values) != 3:
            raise ConfigError(
                f'LetterboxResize: fill must be a number or three, for R, G and B, got {fill!r}'
            )
        for value in values:
            require_whole('LetterboxResize: fill', value, 0, 255)
        self.scale = (scale[0], scale[1])
        self.fill = tuple(values)

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        img = results['img']
        width, height = self.scale
        scale = min(height / img.shape[0], width / img.shape[1])
        # Never 0 rows or columns, whatever the shape.
        rows = min(height, max(1, round(img.shape[0] * scale)))
        columns = min(width, max(1, round(img.shape[1] * scale)))
        resized = cv2.resize(img, (columns, rows), interpolation=cv2.INTER_LINEAR)
        padded = np.empty((height, width, 3), img.dtype)
        padded[:] = self.fill
        top, left = (height - rows) // 2, (width - columns) // 2
        padded[top : top + rows, left : left + columns] = resized
        results['img'] = padded
        results['img_shape'] = (height, width)
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(scale={self.scale}, fill={self.fill})'
