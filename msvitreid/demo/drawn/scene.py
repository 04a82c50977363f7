"""Backgrounds: a wide procedural view per camera, of which a shot sees a piece."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter

from .palette import RGB, shade

# A scene is this many times as wide as it is high.
ASPECT = 1.5
# Height of the line where ground meets wall, as a share of the height from the top.
HORIZON = 0.62


class _View:
    """A canvas in shares of its height."""

    def __init__(self, height: int, ground: RGB, wall: RGB) -> None:
        self.height = height
        self.image = Image.new('RGB', (round(ASPECT * height), height), wall)
        self.draw = ImageDraw.Draw(self.image)
        self.box(0, HORIZON, ASPECT, 1, ground)

    def box(self, x0: float, y0: float, x1: float, y1: float, color: RGB) -> None:
        h = self.height
        self.draw.rectangle((x0 * h, y0 * h, x1 * h, y1 * h), fill=color)

    def line(self, x0: float, y0: float, x1: float, y1: float, color: RGB, w: float) -> None:
        h = self.height
        self.draw.line((x0 * h, y0 * h, x1 * h, y1 * h), fill=color, width=max(1, round(w * h)))

    def disc(self, x: float, y: float, rx: float, ry: float, color: RGB) -> None:
        h = self.height
        self.draw.ellipse(((x - rx) * h, (y - ry) * h, (x + rx) * h, (y + ry) * h), fill=color)


def _tone(rng: np.random.Generator, low: int, high: int, tint: int = 14) -> RGB:
    """A greyish color: stone, plaster, asphalt."""
    level = rng.integers(low, high)
    red, green, blue = (level + rng.integers(-tint, tint + 1, 3)).tolist()
    return shade((red, green, blue), 1.0)


def _steps(rng: np.random.Generator, low: float, high: float) -> list[float]:
    """Places along the scene, ``low`` to ``high`` heights apart."""
    places = np.cumsum(rng.uniform(low, high, int(ASPECT / low) + 1))
    return places[places < ASPECT].tolist()


def _street(height: int, rng: np.random.Generator) -> Image.Image:
    """House fronts with windows and doors behind a pavement."""
    view = _View(height, _tone(rng, 90, 130, 6), _tone(rng, 120, 190))
    start = 0.0
    for end in [*_steps(rng, 0.7, 1.3), ASPECT]:
        front = _tone(rng, 80, 210, 35)
        view.box(start, 0, end, HORIZON, front)
        glass = _tone(rng, 30, 90)
        for x in np.arange(start + 0.12, end - 0.2, 0.3):
            view.box(x, 0.06, x + 0.14, 0.26, shade(front, 0.75))
            view.box(x + 0.015, 0.075, x + 0.125, 0.245, glass)
        door = rng.uniform(start + 0.1, max(start + 0.11, end - 0.3))
        view.box(door, 0.32, door + 0.17, HORIZON, _tone(rng, 40, 140, 40))
        start = end
    view.box(0, HORIZON, ASPECT, HORIZON + 0.03, _tone(rng, 150, 190, 5))
    view.box(0, 0.9, ASPECT, 0.915, _tone(rng, 190, 230, 5))
    return view.image


def _park(height: int, rng: np.random.Generator) -> Image.Image:
    """Trees and bushes on a lawn with a path."""
    lawn = (int(rng.integers(80, 120)), int(rng.integers(125, 165)), int(rng.integers(50, 80)))
    view = _View(height, lawn, (176, 204, 226))
    for low, color in ((0.08, shade(lawn, 0.8)), (0.12, shade(lawn, 0.6))):
        for x in _steps(rng, low, 0.2):
            r = rng.uniform(0.07, 0.17)
            view.disc(x, HORIZON - r * 0.5, r, r, shade(color, rng.uniform(0.85, 1.15)))
    for x in _steps(rng, 0.35, 0.8):
        trunk = rng.uniform(0.02, 0.05)
        view.box(x - trunk, 0.1, x + trunk, HORIZON + 0.03, (84, 64, 48))
        for _ in range(4):
            dx, y, r = rng.uniform(-0.15, 0.15), rng.uniform(0, 0.2), rng.uniform(0.1, 0.2)
            view.disc(x + dx, y, r, r, shade(lawn, rng.uniform(0.5, 0.8)))
    view.box(0, 0.78, ASPECT, 0.95, (186, 172, 142))
    return view.image


def _hall(height: int, rng: np.random.Generator) -> Image.Image:
    """Shop windows and columns over a tiled floor."""
    floor = _tone(rng, 150, 215, 12)
    view = _View(height, floor, _tone(rng, 190, 230, 10))
    for x in np.arange(-ASPECT, 2 * ASPECT, 0.16):
        centre = ASPECT / 2
        top = centre + (x - centre) * 0.7
        view.line(top, HORIZON, x, 1, shade(floor, 0.82), 0.006)
    for y in (0.66, 0.72, 0.8, 0.91):
        view.line(0, y, ASPECT, y, shade(floor, 0.82), 0.006)
    for x in _steps(rng, 0.55, 0.75):
        window = _tone(rng, 60, 200, 50)
        view.box(x, 0.12, x + 0.42, HORIZON - 0.04, shade(window, 0.6))
        view.box(x + 0.02, 0.14, x + 0.4, HORIZON - 0.06, window)
        for _ in range(5):
            left, low = x + rng.uniform(0.03, 0.32), HORIZON - 0.06
            view.box(
                left, low - rng.uniform(0.05, 0.2), left + 0.06, low, _tone(rng, 40, 230, 60)
            )
        view.box(x + 0.46, 0, x + 0.53, HORIZON + 0.02, _tone(rng, 140, 180, 8))
    view.box(0, 0.03, ASPECT, 0.1, _tone(rng, 60, 200, 60))
    return view.image


def _bricks(height: int, rng: np.random.Generator) -> Image.Image:
    """A brick wall with posters."""
    brick = (int(rng.integers(130, 185)), int(rng.integers(75, 105)), int(rng.integers(55, 80)))
    view = _View(height, _tone(rng, 100, 150, 8), shade(brick, 0.7))
    for row, y in enumerate(np.arange(0, HORIZON, 0.04)):
        for x in np.arange(-(row % 2) * 0.05, ASPECT, 0.1):
            view.box(x, y, x + 0.09, y + 0.03, shade(brick, rng.uniform(0.85, 1.12)))
    for x in _steps(rng, 0.4, 1.1):
        paper = _tone(rng, 120, 230, 60)
        top = rng.uniform(0.1, 0.25)
        view.box(x, top, x + 0.22, top + 0.28, paper)
        view.disc(x + 0.11, top + 0.1, 0.07, 0.06, _tone(rng, 40, 220, 70))
        view.box(x + 0.03, top + 0.2, x + 0.19, top + 0.24, shade(paper, 0.5))
    view.box(0, HORIZON, ASPECT, HORIZON + 0.015, _tone(rng, 60, 90))
    return view.image


def _parking(height: int, rng: np.random.Generator) -> Image.Image:
    """Parked cars under a plain sky, lines on asphalt."""
    asphalt = _tone(rng, 70, 115, 6)
    view = _View(height, asphalt, (190, 206, 222))
    view.box(0, 0.24, ASPECT, HORIZON, _tone(rng, 110, 160, 10))
    for x in _steps(rng, 0.75, 1.1):
        body = _tone(rng, 50, 220, 70)
        view.box(x, 0.46, x + 0.66, HORIZON, body)
        view.box(x + 0.12, 0.34, x + 0.52, 0.47, shade(body, 0.85))
        view.box(x + 0.15, 0.36, x + 0.49, 0.46, (58, 66, 76))
        for wheel in (0.14, 0.52):
            view.disc(x + wheel, HORIZON, 0.06, 0.06, (26, 26, 28))
    for x in np.arange(0, ASPECT, 0.45):
        view.line(x + 0.1, 0.72, x, 1, (222, 222, 214), 0.018)
    return view.image


def _platform(height: int, rng: np.random.Generator) -> Image.Image:
    """A train behind a platform with its yellow safety line."""
    livery = _tone(rng, 60, 200, 60)
    view = _View(height, _tone(rng, 130, 175, 8), _tone(rng, 70, 110, 8))
    view.box(0, 0.08, ASPECT, HORIZON - 0.04, livery)
    view.box(0, 0.4, ASPECT, 0.46, shade(livery, 0.55))
    for x in np.arange(0.05, ASPECT, 0.5):
        view.box(x, 0.15, x + 0.28, 0.34, (46, 54, 64))
        view.box(x + 0.34, 0.13, x + 0.46, HORIZON - 0.06, shade(livery, 1.25))
    view.box(0, HORIZON - 0.04, ASPECT, HORIZON, (30, 30, 32))
    view.box(0, HORIZON + 0.04, ASPECT, HORIZON + 0.07, (224, 190, 50))
    for x in np.arange(0, ASPECT, 0.3):
        view.line(x, HORIZON + 0.07, x, 1, _tone(rng, 110, 130, 4), 0.006)
    return view.image


SCENES: dict[str, Callable[[int, np.random.Generator], Image.Image]] = {
    'street': _street,
    'park': _park,
    'hall': _hall,
    'bricks': _bricks,
    'parking': _parking,
    'platform': _platform,
}


def draw_view(scenes: Sequence[str], seed: int, height: int) -> Image.Image:
    """The whole view of a camera: ``scenes`` side by side, RGB, ``height`` pixels high."""
    rng = np.random.default_rng(seed)
    view = Image.new('RGB', (len(scenes) * round(ASPECT * height), height))
    for i, scene in enumerate(scenes):
        view.paste(SCENES[scene](height, rng), (i * round(ASPECT * height), 0))
    # The lens focuses on the walkers, and the air between takes color away.
    view = view.filter(ImageFilter.GaussianBlur(height / 150))
    return ImageEnhance.Color(view).enhance(0.6)
