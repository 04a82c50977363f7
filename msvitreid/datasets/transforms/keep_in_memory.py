from __future__ import annotations

import mmap
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from mmcv.transforms import BaseTransform

from msvitreid.errors import ConfigError
from msvitreid.registry import TRANSFORMS


@TRANSFORMS.register_module()
class KeepInMemory(BaseTransform):
    """Do the first, unchanging part of a pipeline once for each image, and keep the result.

    The kept images lie in memory that forked workers share and that stays from epoch to
    epoch; a page of it is taken when it is first written. Workers that are spawned instead
    keep each their own. Only ``img`` and ``img_shape`` come out of the transforms; ``img``
    is read-only. A file that changes during the run is not noticed.

    Args:
        transforms: Transforms or their configs; none may be random.
        size: Height and width of the images to keep; another one is made again every time.
        max_gib: Memory to take at most, GiB; images for which it is too small are made
            again every time.

    Raises:
        ConfigError: ``max_gib`` is not positive or more than the machine grants.
    """

    def __init__(
        self,
        transforms: Sequence[Mapping[str, Any] | Callable[[dict[str, Any]], dict[str, Any]]],
        size: tuple[int, int],
        max_gib: float = 4.0,
    ) -> None:
        self.transforms = [
            TRANSFORMS.build(transform) if isinstance(transform, Mapping) else transform
            for transform in transforms
        ]
        self.size = (size[0], size[1])
        self.max_gib = max_gib
        self._reserve()

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        index, path = results.get('sample_idx', -1), results['img_path']
        kept = 0 <= index < len(self._images)
        # Never 0, which says that nothing is there. Strings hash alike in all forked processes.
        mark = hash(path) | 1
        if kept and self._marks[index] == mark:
            img = self._images[index]
        else:
            made = dict(results)
            for transform in self.transforms:
                made = transform(made)
            img = made['img']
            if kept and img.shape == self._images.shape[1:] and img.dtype == np.uint8:
                self._images[index] = img
                self._marks[index] = mark  # last, as another process may be looking
            img = img.view()
        img.flags.writeable = False
        return {**results, 'img': img, 'img_shape': img.shape[:2]}

    def _reserve(self) -> None:
        image_bytes = self.size[0] * self.size[1] * 3
        mark_bytes = np.dtype(np.int64).itemsize
        count = int(self.max_gib * 2**30 / (image_bytes + mark_bytes))
        try:
            memory = mmap.mmap(-1, count * (image_bytes + mark_bytes))
        except (OSError, ValueError, OverflowError) as error:
            raise ConfigError(
                f'{self}: the memory cannot be reserved ({error}); choose another max_gib'
            ) from error
        self._marks = np.frombuffer(memory, np.int64, count)
        pixels = np.frombuffer(memory, np.uint8, offset=count * mark_bytes)
        self._images = pixels.reshape(count, *self.size, 3)

    def __getstate__(self) -> dict[str, Any]:
        return {key: self.__dict__[key] for key in ('transforms', 'size', 'max_gib')}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._reserve()

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(transforms={self.transforms}, size={self.size}, '
            f'max_gib={self.max_gib})'
        )
