"""Corruptions of an image as a worse camera or a worse place gives it.

Each takes ``(H, W, 3)`` uint8 RGB and gives the same shape. Levels are physical quantities and not
a library's 1 to 5, so that an axis has a unit; lengths are shares of the image's height, as
crops have many sizes. Pillow scales, blurs and compresses.
"""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageFilter


def lower_resolution(image: np.ndarray, factor: float) -> np.ndarray:
    """Shrink by ``factor`` (averaging) and enlarge again (bilinear), as a farther camera would."""
    height, width = image.shape[:2]
    small = max(1, round(width / factor)), max(1, round(height / factor))
    shrunk = Image.fromarray(image).resize(small, Image.Resampling.BOX)
    return np.asarray(shrunk.resize((width, height), Image.Resampling.BILINEAR))


def blur(image: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian blur; ``sigma`` is a share of the image's height."""
    radius = sigma * image.shape[0]
    return np.asarray(Image.fromarray(image).filter(ImageFilter.GaussianBlur(radius)))


def add_noise(image: np.ndarray, sigma: float, rng: np.random.Generator) -> np.ndarray:
    """Add Gaussian noise of standard deviation ``sigma``, where white is 1."""
    noise = rng.standard_normal(image.shape, dtype=np.float32)
    return _as_uint8(image + np.float32(255 * sigma) * noise)


def jpeg(image: np.ndarray, quality: float) -> np.ndarray:
    """Compress as JPEG of a quality from 1 to 100, colors halved both ways (4:2:0), and decode."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, 'JPEG', quality=int(quality), subsampling=2)
    with Image.open(file) as decoded:
        return np.asarray(decoded.convert('RGB'))


def darken(image: np.ndarray, stops: float) -> np.ndarray:
    """Expose less: a stop is half of the light."""
    return _as_uint8(255 * _encoded(_linear(image) * 2.0**-stops))


def cast_color(image: np.ndarray, stops: float, rng: np.random.Generator) -> np.ndarray:
    """Tint the light in a drawn hue: gains of red, green and blue whose logarithms add up to 0.

    Args:
        image: what is tinted.
        stops: length of the vector of the gains' logarithms to base 2.
        rng: draws the hue.
    """
    angle = rng.uniform(0, 2 * np.pi)
    gains = np.cos(angle + np.array([0, 2, 4]) * np.pi / 3)
    gains = stops * gains / np.linalg.norm(gains)
    return _as_uint8(255 * _encoded(_linear(image) * 2.0**gains))


def _linear(image: np.ndarray) -> np.ndarray:
    """Light of sRGB values, IEC 61966-2-1, from 0 to 1."""
    values = np.arange(256) / 255
    table = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    return table[image]


def _encoded(light: np.ndarray) -> np.ndarray:
    """The sRGB values of light, from 0 to 1; more light than white is white."""
    light = light.clip(0, 1)
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


def _as_uint8(values: np.ndarray) -> np.ndarray:
    return values.round().clip(0, 255).astype(np.uint8)
