from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from msvitreid.registry import TRANSFORMS

#: Height and width of the images that a pipeline is tried on.
TRIED = ((97, 193), (193, 97))


def output_size(pipeline: Sequence[Mapping[str, Any]]) -> tuple[int, int] | None:
    """Height and width of the images that a pipeline makes, whatever the file.

    It is found by running the pipeline, so it holds for any transforms.

    Args:
        pipeline: configs of transforms, from ``img_path`` to ``inputs`` ``(3, H, W)``.

    Returns:
        the size, or ``None`` where that of the file decides.
    """
    transforms = [TRANSFORMS.build(step) for step in pipeline]
    sizes = set()
    with tempfile.TemporaryDirectory() as folder:
        for height, width in TRIED:
            path = str(Path(folder) / f'{height}x{width}.png')
            cv2.imwrite(path, np.zeros((height, width, 3), np.uint8))
            results: dict[str, Any] = {'img_path': path}
            for transform in transforms:
                results = transform(results)
            sizes.add(tuple(results['inputs'].shape[-2:]))
    return sizes.pop() if len(sizes) == 1 else None
