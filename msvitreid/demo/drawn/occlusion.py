"""Occlusion: putting something before a person so that a wanted share disappears."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image

from .sheet import STANDS
from .things import THINGS, draw_wall

# The promise: shares of the body's area that an occluded shot hides.
LEAST, MOST = 0.2, 0.6
# What is aimed at: a body's column more or less, in the smallest pictures, must not matter.
_TARGETS = (0.26, 0.54)

# How often it is tried whether a pedestrian can be what stands before.
STRANGER_SHARE = 0.25

Box = tuple[float, float, float, float]
# Where a sprite stands (left, top, right, bottom, in pixels) as its effort goes from 0 to 1.
Placement = Callable[[float], Box]


@dataclass(frozen=True)
class Body:
    """A person in a frame.

    Attributes:
        mask: Bool array of the frame's shape, true where the person is seen.
        area: Pixels of the whole person, those beyond the frame included.
        ground: Row on which the person stands, in pixels.
        middle: Column of the person's axis, in pixels.
        unit: Pixels of the person's height.
    """

    mask: np.ndarray
    area: int
    ground: float
    middle: float
    unit: float

    def covered(self, opaque: np.ndarray | None = None) -> float:
        """Share of the body that is not seen once ``opaque`` (bool, as the mask) is before it."""
        seen = self.mask if opaque is None else self.mask & ~opaque
        return 1 - int(np.count_nonzero(seen)) / self.area


def draw_target(rng: np.random.Generator) -> float:
    """A share of the body to hide."""
    return float(rng.uniform(*_TARGETS))


def cover(
    frame: Image.Image,
    body: Body,
    target: float,
    draw_stranger: Callable[[], Image.Image],
    rng: np.random.Generator,
) -> float:
    """Put something before ``body`` on ``frame`` and return the share of the body then hidden.

    Args:
        frame: RGB picture that holds the body; drawn upon.
        body: Where the person is, less than ``MOST`` of it hidden as yet.
        target: Share to hide, about; what is hidden lies within ``LEAST`` and ``MOST``.
        draw_stranger: Draws another person, RGBA, who may be what stands before.
        rng: Draws what it is, where it stands and its details.
    """
    kinds = rng.permutation([*THINGS, 'wall']).tolist()
    if rng.random() < STRANGER_SHARE:
        kinds.insert(0, 'stranger')
    # A wall can hide any share, so the last try succeeds where things with gaps could not.
    for kind in [*kinds, 'wall']:
        if kind == 'wall':
            sprite = draw_wall(rng)
            placement = _sliding_wall(frame.size, rng)
        elif kind == 'stranger':
            sprite = draw_stranger()
            placement = _passing(sprite, body, rng)
        else:
            sprite = THINGS[kind](rng)
            placement = _growing(sprite, body, rng)
        box = _search(sprite.getchannel('A'), placement, body, target)
        covered = body.covered(_opaque(sprite.getchannel('A'), box, frame.size))
        if LEAST <= covered <= MOST:
            left, top, right, bottom = box
            scaled = sprite.resize((right - left, bottom - top), Image.Resampling.BILINEAR)
            frame.paste(scaled, (left, top), scaled)
            return covered
    raise AssertionError('a wall that comes in column by column can hide any share')


def _search(
    alpha: Image.Image, placement: Placement, body: Body, target: float
) -> tuple[int, int, int, int]:
    """The box of ``placement`` that hides most nearly ``target``, by bisection of the effort."""
    size = (body.mask.shape[1], body.mask.shape[0])
    low, high = 0.0, 1.0
    best, smallest_error = (0, 0, 1, 1), np.inf
    for _ in range(8):
        effort = (low + high) / 2
        left, top, right, bottom = (round(edge) for edge in placement(effort))
        box = (left, top, max(right, left + 1), max(bottom, top + 1))
        covered = body.covered(_opaque(alpha, box, size))
        if abs(covered - target) < smallest_error:
            best, smallest_error = box, abs(covered - target)
        if covered < target:
            low = effort
        else:
            high = effort
    return best


def _opaque(
    alpha: Image.Image, box: tuple[int, int, int, int], size: tuple[int, int]
) -> np.ndarray:
    """Where, in a picture of ``size``, a sprite scaled to ``box`` hides what is behind it."""
    left, top, right, bottom = box
    canvas = Image.new('L', size)
    scaled = alpha.resize((right - left, bottom - top), Image.Resampling.BILINEAR)
    canvas.paste(scaled, (left, top))
    return np.asarray(canvas) >= 128


def _growing(sprite: Image.Image, body: Body, rng: np.random.Generator) -> Placement:
    """A thing on the ground before the person, the larger the nearer."""
    aspect = sprite.width / sprite.height
    middle = body.middle + rng.uniform(-0.4, 0.4) * min(1.0, aspect) * body.unit * 0.5

    def at(effort: float) -> Box:
        height = (0.1 + 1.1 * effort) * body.unit
        bottom = body.ground + 0.12 * effort * body.unit
        half = height * aspect / 2
        return middle - half, bottom - height, middle + half, bottom

    return at


def _passing(sprite: Image.Image, body: Body, rng: np.random.Generator) -> Placement:
    """A person who comes from one side and stops before the other one."""
    side = rng.choice([-1, 1])
    top = body.ground + 0.05 * body.unit - sprite.height * STANDS

    def at(effort: float) -> Box:
        middle = body.middle + side * (1 - effort) * body.unit
        half = sprite.width / 2
        return middle - half, top, middle + half, top + sprite.height

    return at


def _sliding_wall(size: tuple[int, int], rng: np.random.Generator) -> Placement:
    """A wall that comes into the picture from one side."""
    width, height = size
    left_side = rng.random() < 0.5

    def at(effort: float) -> Box:
        if left_side:
            return (effort - 1) * width, 0, effort * width, height
        return (1 - effort) * width, 0, (2 - effort) * width, height

    return at
