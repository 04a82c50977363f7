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
class RandomCrop(BaseTransform):
    """Crop a window of ``size`` at a uniformly random place of the padded image.

    Args:
        size: Height and width of the window, pixels.
        padding: Pixels added to each side first, mirrored with the edge pixel repeated.

    Raises:
        ConfigError: a number is out of its range, or the window is larger than the padded
            image.
    """

    def __init__(self, size: Sequence[int], padding: int = 0) -> None:
        if not isinstance(size, list | tuple) or len(size) != 2:
            raise ConfigError(f'RandomCrop: size must be (height, width), got {size!r}')
        for side in size:
            require_whole('RandomCrop: size', side, 1)
        require_whole('RandomCrop: padding', padding, 0)
        self.size = (size[0], size[1])
        self.padding = padding

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        img = results['img']
        if self.padding:
            pad = self.padding
            img = cv2.copyMakeBorder(img, pad, pad, pad, pad, cv2.BORDER_REFLECT)
        height, width = self.size
        spare_rows, spare_columns = img.shape[0] - height, img.shape[1] - width
        if spare_rows < 0 or spare_columns < 0:
            raise ConfigError(
                f'{self}: the window is larger than the image, which with its padding is '
                f'{img.shape[0]}x{img.shape[1]} ({results.get("img_path")}); resize to at '
                'least the size of the window first'
            )
        # The global state, as in mmcv's transforms: it is what mmengine seeds in workers.
        top = np.random.randint(spare_rows + 1)  # noqa: NPY002
        left = np.random.randint(spare_columns + 1)  # noqa: NPY002
        results['img'] = img[top : top + height, left : left + width]
        results['img_shape'] = self.size
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(size={self.size}, padding={self.padding})'
