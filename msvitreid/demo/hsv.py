"""The color histogram baseline: how far one gets without learning."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

STRIPES = 6
HUES, SATURATIONS, VALUES = 32, 8, 8


def hsv_histogram(images: Sequence[np.ndarray]) -> np.ndarray:
    """Striped HSV histograms, to be compared by cosine similarity.

    An image is cut into 6 horizontal stripes, and each gives a 32-bin histogram of hue, weighted
    by saturation so that greys do not vote, and 8-bin histograms of saturation and value. Each
    sums to one and is square-rooted, so the cosine of two images is the mean Bhattacharyya
    coefficient of their histograms. Color histograms of stripes are the classic hand-made
    descriptor of person re-identification (Gray and Tao, ECCV 2008).

    Args:
        images: uint8 RGB arrays of shape ``(H, W, 3)``, H at least 6; sizes may differ.

    Returns:
        Unit vectors, float32, of shape ``(N, 288)``.

    Raises:
        ValueError: An image is no uint8 RGB array or has fewer rows than stripes.
    """
    descriptors = np.empty((len(images), STRIPES * (HUES + SATURATIONS + VALUES)), np.float32)
    for i, image in enumerate(images):
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
            raise ValueError(
                f'image {i} has shape {image.shape} and type {image.dtype}, '
                'give (H, W, 3) and uint8'
            )
        if image.shape[0] < STRIPES:
            raise ValueError(f'image {i} has {image.shape[0]} rows, give at least {STRIPES}')
        descriptors[i] = _describe(image)
    return descriptors


def _describe(image: np.ndarray) -> np.ndarray:
    hsv = np.asarray(Image.fromarray(image).convert('HSV'))
    parts = []
    for stripe in np.array_split(hsv, STRIPES):
        hue, saturation, value = stripe.reshape(-1, 3).T
        parts += [
            _histogram(hue, HUES, weights=saturation),
            _histogram(saturation, SATURATIONS),
            _histogram(value, VALUES),
        ]
    descriptor = np.sqrt(np.concatenate(parts))
    return descriptor / np.linalg.norm(descriptor)


def _histogram(channel: np.ndarray, bins: int, weights: np.ndarray | None = None) -> np.ndarray:
    """Shares of ``bins`` equal ranges of uint8 values; all zero where nothing has weight."""
    counts = np.bincount(channel.astype(np.intp) * bins // 256, weights, minlength=bins)
    return counts / max(1, counts.sum())
