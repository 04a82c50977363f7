from __future__ import annotations

from typing import Any

from mmcv.transforms import BaseTransform

from msvitreid.errors import ConfigError
from msvitreid.registry import TRANSFORMS

from .image_decoding import read_image


@TRANSFORMS.register_module()
class LoadImage(BaseTransform):
    """Decode the image file ``img_path`` to ``img``, ``(H, W, 3)`` uint8 RGB.

    Read are the kinds of :data:`~msvitreid.datasets.readers.image_kinds.KINDS`, known by their
    content; see :func:`~msvitreid.datasets.transforms.image_decoding.read_image` for what
    becomes of alpha, palettes, orientation and frames. ``img_shape`` and ``ori_shape``,
    (H, W), are set for the transforms that read them.

    Args:
        value_range: Values of a 16-bit file that become 0 and 255, linearly: ``(0, 1023)``
            for 10 bits in 16. ``None`` takes the upper 8 of 16 bits, and of a PNM file or a
            TIFF file of 12 bits the range that it states. Files of 8 bits are not changed.

    Raises:
        ConfigError: ``value_range`` is not two rising whole numbers from 0 to 65,535.
        DatasetError: the file is missing, empty, no regular file, not an image, cut short,
            or claims more pixels than any image of a person or a product has.
    """

    def __init__(self, value_range: tuple[int, int] | None = None) -> None:
        self.value_range = None if value_range is None else _checked(value_range)

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        img = read_image(results['img_path'], self.value_range)
        results['img'] = img
        results['img_shape'] = results['ori_shape'] = img.shape[:2]
        return results

    def __repr__(self) -> str:
        shown = '' if self.value_range is None else f'value_range={self.value_range}'
        return f'{type(self).__name__}({shown})'


def _checked(value_range: tuple[int, int]) -> tuple[int, int]:
    try:
        low, high = value_range
        if type(low) is type(high) is int and 0 <= low < high < 2**16:
            return low, high
    except (TypeError, ValueError):
        pass
    raise ConfigError(
        f'LoadImage: value_range={value_range!r} is not two whole numbers, the lower one first, '
        'from 0 to 65535; for 10 bits in 16 say (0, 1023)'
    )
