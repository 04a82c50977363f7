from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import mmcv.transforms
import numpy as np
from mmcv.transforms import BaseTransform

from msvitreid.errors import ConfigError
from msvitreid.registry import TRANSFORMS


@TRANSFORMS.register_module()
class PrepareOnDevice(BaseTransform):
    """Resize, pad, crop and flip on the device: say here only where each pixel comes from.

    The transforms are drawn as ever, from the same random numbers, on a map of numbers in
    place of the image, which goes to the device as it was decoded. ``rows`` and ``columns`` are
    added, the places in it that rows and columns of the result are sampled at;
    :class:`PackReIDInputs` packs them and the data preprocessor samples.

    Args:
        transforms: Transforms or their configs: mmcv's ``Resize`` to a fixed ``scale`` first, if
            at all, then those that move whole rows and columns of pixels, such as crops and
            flips.

    Raises:
        ConfigError: another ``Resize``, or a transform does more than that.
    """

    def __init__(
        self,
        transforms: Sequence[Mapping[str, Any] | Callable[[dict[str, Any]], dict[str, Any]]],
    ) -> None:
        self.transforms = [
            TRANSFORMS.build(transform) if isinstance(transform, Mapping) else transform
            for transform in transforms
        ]
        self._moves, self._size = self.transforms, None
        if self.transforms and isinstance(self.transforms[0], mmcv.transforms.Resize):
            self._size = _size_of(self.transforms[0])
            self._moves = self.transforms[1:]

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        height, width = results['img'].shape[:2]
        size = self._size or (height, width)
        moved = {**results, 'img': _numbered(*size), 'img_shape': size}
        try:
            for transform in self._moves:
                moved = transform(moved)
            rows, columns = _rows_and_columns(moved['img'], size[1])
        except ConfigError:
            raise
        except Exception as error:
            # Transforms of others raise whatever such a map makes them stumble over.
            raise ConfigError(f'{self}: {_ONLY} ({" ".join(str(error).split())})') from error
        results['rows'] = _sampled_at(rows, size[0], height)
        results['columns'] = _sampled_at(columns, size[1], width)
        results['img_shape'] = (len(rows), len(columns))
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(transforms={self.transforms})'


_ONLY = 'all but a first Resize must move whole rows and columns of pixels, and change none'

_EVERY = 8
"""Pixels of which one is looked at, each way: all of them would take as long as resizing."""


def _size_of(resize: Any) -> tuple[int, int]:
    if resize.scale is None or resize.keep_ratio or resize.interpolation != 'bilinear':
        raise ConfigError(
            f'PrepareOnDevice: {resize} must be bilinear and to a fixed scale, without keep_ratio'
        )
    return resize.scale[1], resize.scale[0]


@lru_cache(maxsize=8)
def _numbered(height: int, width: int) -> np.ndarray:
    """``(H, W)`` pixels by their numbers, from 1 on: 0 is what a padding fills in."""
    numbers = np.arange(1, height * width + 1, dtype=np.int32).reshape(height, width)
    numbers.flags.writeable = False
    return numbers


def _rows_and_columns(moved: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray]:
    """From 0 on; rows and columns of the map, of which each has been moved as a whole."""
    numbers = moved[:, 0] - 1
    columns = (moved[0] - 1) % width
    if moved.dtype != np.int32 or numbers.min() < 0 or moved[0].min() < 1:
        raise ValueError('a transform puts in pixels of its own')
    some = moved[::_EVERY, ::_EVERY]
    if (some != moved[::_EVERY, :1] + (columns - columns[0])[::_EVERY]).any():
        raise ValueError('a transform moves parts of a row')
    return numbers // width, columns


def _sampled_at(places: np.ndarray, length: int, original: int) -> np.ndarray:
    """Where rows of an image resized from ``original`` to ``length`` lie in the original."""
    centers = (places + 0.5) * (original / length) - 0.5
    return centers.clip(0, original - 1).astype(np.float32)
