"""From JPEG files to a training batch in the obvious way: OpenCV and NumPy, image by image.

The other side of our transforms' tests, and the denominator of the benchmark of the input.
Random numbers are drawn in the order in which our transforms draw them, so that both chains
give the same batch under the same random state.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from torch import Tensor


def person_batch(paths: Sequence[str], size: tuple[int, int], padding: int) -> Tensor:
    """Float batch ``(N, 3, H, W)`` of a person or vehicle set, augmented for training."""
    return batch([flip(crop(resize(load(path), size), size, padding)) for path in paths])


def fine_grained_batch(
    paths: Sequence[str], size: tuple[int, int], margin: int, padding: int
) -> Tensor:
    """The same of a fine-grained set, whose images are resized larger and cropped twice."""
    larger = (size[0] + margin, size[1] + margin)
    return batch(
        [flip(crop(crop(resize(load(path), larger), size, 0), size, padding)) for path in paths]
    )


def load(path: str) -> np.ndarray:
    return cv2.cvtColor(cv2.imread(path), cv2.COLOR_BGR2RGB)


def resize(img: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    return cv2.resize(img, size[::-1], interpolation=cv2.INTER_LINEAR)


def crop(img: np.ndarray, size: tuple[int, int], padding: int) -> np.ndarray:
    if padding:
        img = cv2.copyMakeBorder(img, *[padding] * 4, cv2.BORDER_REFLECT)
    top = np.random.randint(img.shape[0] - size[0] + 1)  # noqa: NPY002
    left = np.random.randint(img.shape[1] - size[1] + 1)  # noqa: NPY002
    return img[top : top + size[0], left : left + size[1]]


def flip(img: np.ndarray, prob: float = 0.5) -> np.ndarray:
    return cv2.flip(img, 1) if np.random.random_sample() < prob else img  # noqa: NPY002


def batch(images: Sequence[np.ndarray]) -> Tensor:
    floats = [img.transpose(2, 0, 1).astype(np.float32) / 255 for img in images]
    return torch.stack([torch.from_numpy(img) for img in floats])
