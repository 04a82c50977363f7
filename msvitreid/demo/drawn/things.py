"""Things that stand before people: sprites, drawn from random details."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw

from .palette import RGB, shade

# Sprites are drawn this high and scaled to their place.
HEIGHT = 160


class _Sprite:
    """A transparent canvas in shares of its height, its ground at the lower edge."""

    def __init__(self, aspect: float) -> None:
        self.image = Image.new('RGBA', (round(aspect * HEIGHT), HEIGHT))
        self.draw = ImageDraw.Draw(self.image)

    def box(self, x0: float, y0: float, x1: float, y1: float, color: RGB) -> None:
        corners = (x0 * HEIGHT, y0 * HEIGHT, x1 * HEIGHT - 1, y1 * HEIGHT - 1)
        self.draw.rectangle(corners, fill=color)

    def disc(self, x: float, y: float, rx: float, ry: float, color: RGB) -> None:
        corners = ((x - rx) * HEIGHT, (y - ry) * HEIGHT, (x + rx) * HEIGHT, (y + ry) * HEIGHT)
        self.draw.ellipse(corners, fill=color)

    def polygon(self, places: list[tuple[float, float]], color: RGB) -> None:
        self.draw.polygon([(x * HEIGHT, y * HEIGHT) for x, y in places], fill=color)


def _color(rng: np.random.Generator) -> RGB:
    red, green, blue = rng.integers(30, 235, 3).tolist()
    return red, green, blue


def _car(rng: np.random.Generator) -> Image.Image:
    sprite = _Sprite(2.5)
    body = _color(rng)
    sprite.polygon([(0.45, 0.42), (0.75, 0), (1.7, 0), (2.1, 0.42)], shade(body, 0.85))
    sprite.polygon([(0.6, 0.4), (0.8, 0.07), (1.17, 0.07), (1.17, 0.4)], (52, 60, 72))
    sprite.polygon([(1.25, 0.4), (1.25, 0.07), (1.64, 0.07), (1.92, 0.4)], (52, 60, 72))
    sprite.polygon(
        [(0, 0.5), (0.1, 0.4), (2.3, 0.4), (2.5, 0.55), (2.5, 0.86), (0, 0.86)], body
    )
    sprite.box(0, 0.74, 2.5, 0.86, shade(body, 0.6))
    sprite.box(1.21, 0.42, 1.225, 0.8, shade(body, 0.6))
    sprite.disc(0.06, 0.55, 0.06, 0.06, (240, 234, 190))
    for x in (0.52, 1.95):
        sprite.disc(x, 0.8, 0.2, 0.2, (24, 24, 26))
        sprite.disc(x, 0.8, 0.09, 0.09, (160, 160, 164))
    return sprite.image


def _boxes(rng: np.random.Generator) -> Image.Image:
    sprite = _Sprite(0.9)
    low = 1.0
    for height in (0.38, 0.34, 0.28):
        left, right = rng.uniform(0, 0.14), rng.uniform(0.76, 0.9)
        board = shade((188, 146, 98), rng.uniform(0.7, 1.15))
        sprite.box(left, low - height, right, low, board)
        sprite.box(left, low - height, right, low - height + 0.02, shade(board, 0.7))
        tape = (left + right) / 2
        sprite.box(tape - 0.03, low - height, tape + 0.03, low, shade(board, 1.2))
        low -= height
    return sprite.image


def _barrier(rng: np.random.Generator) -> Image.Image:
    sprite = _Sprite(1.6)
    light, dark = (238, 236, 230), ((204, 44, 36) if rng.random() < 0.6 else (230, 130, 30))
    for x in (0.15, 1.35):
        sprite.box(x, 0.1, x + 0.1, 1, (96, 96, 100))
    for top in (0.0, 0.36, 0.72):
        sprite.box(0, top, 1.6, top + 0.26, light)
        for x in np.arange(-0.2, 1.6, 0.4):
            low = top + 0.26
            sprite.polygon([(x, low), (x + 0.2, low), (x + 0.4, top), (x + 0.2, top)], dark)
    return sprite.image


def _plant(rng: np.random.Generator) -> Image.Image:
    sprite = _Sprite(0.9)
    leaf = (int(rng.integers(40, 80)), int(rng.integers(100, 150)), int(rng.integers(40, 70)))
    for _ in range(26):
        angle, reach = rng.uniform(0, 2 * np.pi), rng.uniform(0, 0.25)
        x, y = 0.45 + reach * np.cos(angle), 0.36 + 1.1 * reach * np.sin(angle)
        rx, ry = rng.uniform(0.06, 0.18, 2)
        sprite.disc(x, y, rx, ry, shade(leaf, rng.uniform(0.6, 1.25)))
    pot = shade((168, 92, 60), rng.uniform(0.6, 1.2))
    sprite.polygon([(0.16, 0.62), (0.74, 0.62), (0.66, 1), (0.24, 1)], pot)
    sprite.box(0.13, 0.6, 0.77, 0.68, shade(pot, 0.8))
    return sprite.image


def _sign(rng: np.random.Generator) -> Image.Image:
    sprite = _Sprite(0.62)
    plate, edge = _color(rng), (236, 236, 232)
    sprite.box(0.28, 0.0, 0.34, 1, (120, 122, 126))
    sprite.box(0, 0.02, 0.62, 0.6, edge)
    sprite.box(0.025, 0.045, 0.595, 0.575, plate)
    sprite.polygon(
        [
            (0.1, 0.25),
            (0.34, 0.25),
            (0.34, 0.14),
            (0.52, 0.31),
            (0.34, 0.48),
            (0.34, 0.37),
            (0.1, 0.37),
        ],
        edge,
    )
    sprite.box(0.16, 0.96, 0.46, 1, (90, 92, 96))
    return sprite.image


def _bin(rng: np.random.Generator) -> Image.Image:
    sprite = _Sprite(0.7)
    body = shade(_color(rng), 0.8)
    sprite.polygon([(0.02, 0.12), (0.68, 0.12), (0.6, 0.94), (0.1, 0.94)], body)
    sprite.box(0, 0, 0.7, 0.14, shade(body, 0.65))
    for x in (0.2, 0.35, 0.5):
        sprite.box(x - 0.02, 0.24, x + 0.02, 0.88, shade(body, 0.75))
    for x in (0.18, 0.52):
        sprite.disc(x, 0.94, 0.06, 0.06, (24, 24, 26))
    return sprite.image


THINGS: dict[str, Callable[[np.random.Generator], Image.Image]] = {
    'car': _car,
    'boxes': _boxes,
    'barrier': _barrier,
    'plant': _plant,
    'sign': _sign,
    'bin': _bin,
}


def draw_wall(rng: np.random.Generator) -> Image.Image:
    """A wall or pillar without a gap, as opaque as can be."""
    sprite = _Sprite(1.0)
    level = int(rng.integers(70, 200))
    face = (level, level - int(rng.integers(0, 12)), level - int(rng.integers(0, 30)))
    sprite.box(0, 0, 1, 1, face)
    for y in np.arange(0.1, 1, 0.12):
        sprite.box(0, y, 1, y + 0.012, shade(face, 0.8))
    for x in (0.0, 0.96):
        sprite.box(x, 0, x + 0.04, 1, shade(face, 0.65))
    return sprite.image
