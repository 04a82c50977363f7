"""Cameras: what stays the same about a view from shot to shot."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter

from .scene import SCENES

# Nominal azimuths of a walker, in degrees: 0 faces the camera, 90 walks to its right.
SIDES = np.array([0.0, 180.0, 90.0, 270.0])

# Cameras share most kinds of scene, as on one campus: a kind is no camera's own.
SCENES_SEEN = 4


@dataclass(frozen=True)
class Camera:
    """One camera's place and photometry.

    Attributes:
        camid: Camera id, from 1.
        scenes: What it looks at from left to right, of :data:`~.scene.SCENES`.
        scene_seed: Seed of the scenes' details.
        sides: Probabilities of seeing a person's front, back and walking right, left.
        tilt: How much it looks down: screen rise for a unit of depth.
        gain: Illumination.
        cast: Gains of red, green and blue.
        gamma: Exponent of the tone curve.
        haze: Share of white veil.
        reduction: Real pixels are this many output pixels wide.
        blur: Gaussian radius in real pixels.
        noise: Standard deviation of the sensor's noise, in [0, 255] units.
        quality: JPEG quality.
        light: Side the light comes from, -1 (left) to 1 (right).
    """

    camid: int
    scenes: tuple[str, ...]
    scene_seed: int
    sides: tuple[float, float, float, float]
    tilt: float
    gain: float
    cast: tuple[float, float, float]
    gamma: float
    haze: float
    reduction: float
    blur: float
    noise: float
    quality: int
    light: float

    def azimuth(self, rng: np.random.Generator) -> float:
        """An azimuth, in radians, at which this camera sees somebody."""
        return float(np.radians(rng.choice(SIDES, p=self.sides) + rng.uniform(-28, 28)))

    def expose(
        self, frame: Image.Image, size: tuple[int, int], rng: np.random.Generator
    ) -> Image.Image:
        """What the sensor makes of ``frame`` (RGB), resized to ``size`` (width, height)."""
        width, height = (max(8, round(side / self.reduction)) for side in size)
        frame = frame.resize((width, height), Image.Resampling.BOX).filter(
            ImageFilter.GaussianBlur(self.blur)
        )
        # Time of day: the same camera is never twice exactly as bright.
        gain = self.gain * rng.uniform(0.92, 1.08)
        balance = np.array(self.cast) * rng.uniform(0.97, 1.03, 3)
        levels = np.linspace(0, 1, 256)[:, None] * gain * balance
        levels = np.clip(levels, 0, 1) ** self.gamma
        levels = levels * (1 - self.haze) + self.haze
        curve = (levels * 255).T
        pixels = np.asarray(frame)
        developed = np.stack([curve[i][pixels[..., i]] for i in range(3)], axis=-1)
        developed += rng.normal(0, self.noise, developed.shape)
        sensor = Image.fromarray(np.clip(developed, 0, 255).astype(np.uint8))
        return sensor.resize(size, Image.Resampling.BICUBIC)

    def encode(self, image: Image.Image) -> bytes:
        """``image`` as the bytes of a JPEG file of this camera."""
        buffer = io.BytesIO()
        image.save(buffer, 'JPEG', quality=self.quality)
        return buffer.getvalue()


def draw_cameras(count: int, rng: np.random.Generator) -> list[Camera]:
    """``count`` cameras, spread evenly over brightness and tint."""
    gains = rng.permutation(np.geomspace(0.84, 1.12, count))
    tints = 2 * np.pi * (rng.permutation(count) + rng.uniform()) / count
    cameras = []
    for i in range(count):
        # Opposite to each other on the color circle, at equal strength.
        phases = tints[i] + np.array([0.0, 2.0, 4.0]) * np.pi / 3
        cast = 1 + rng.uniform(0.03, 0.055) * np.cos(phases)
        cameras.append(
            Camera(
                camid=i + 1,
                scenes=tuple(rng.permutation(list(SCENES))[:SCENES_SEEN].tolist()),
                scene_seed=int(rng.integers(2**31)),
                sides=tuple(rng.dirichlet([1.5, 1.5, 0.8, 0.8]).tolist()),
                tilt=float(rng.uniform(0.05, 0.22)),
                gain=float(gains[i]),
                cast=tuple(cast.tolist()),
                gamma=float(rng.uniform(0.9, 1.1)),
                haze=float(rng.uniform(0, 0.08)),
                reduction=float(rng.uniform(1.0, 1.8)),
                blur=float(rng.uniform(0.2, 0.7)),
                noise=float(rng.uniform(2, 8)),
                quality=int(rng.integers(60, 93)),
                light=float(rng.uniform(-1, 1)),
            )
        )
    return cameras
