"""Shots: one picture of one identity by one camera."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw

from . import palette
from .camera import Camera
from .framing import Framing, cut, draw_framing
from .identity import Identity, deal_identities
from .occlusion import LEAST, Body, cover, draw_target
from .person import draw_person
from .pose import draw_pose
from .scene import draw_view
from .sheet import STANDS

# Everything is drawn at this many times the final height.
OVERSAMPLING = 2
# How often an occlusion is the frame's edge, and a passer-by is in the background.
EDGE_SHARE, PASSER_BY_SHARE = 0.25, 0.15
EDGES = ('bottom', 'bottom', 'left', 'right')


class Shot(NamedTuple):
    """A picture and the share of the person's body that is hidden in it."""

    image: Image.Image
    covered: float


def take_shot(
    identity: Identity,
    camera: Camera,
    size: tuple[int, int],
    occluded: bool,
    rng: np.random.Generator,
) -> Shot:
    """A picture of ``identity`` by ``camera``.

    Args:
        identity: Who.
        camera: By which camera.
        size: (height, width) of the picture in pixels.
        occluded: Whether 20-60 % of the body is to be hidden.
        rng: Draws everything that differs between two shots.
    """
    height = OVERSAMPLING * size[0]
    unit = height * rng.uniform(0.86, 0.96) * palette.HEIGHTS[identity.height]
    at_edge = occluded and rng.random() < EDGE_SHARE
    edge = str(rng.choice(EDGES)) if at_edge else ''
    if edge == 'bottom':
        # A detector's box fits what is seen: half a body fills it as a whole one does.
        unit *= rng.uniform(1.2, 1.5)
    person = _portrait(identity, camera, unit, rng)
    alpha = np.asarray(person.getchannel('A')) >= 128
    framing = draw_framing(alpha, height, rng)
    target = draw_target(rng)
    if at_edge:
        framing = cut(framing, alpha, edge, target)

    frame = _background(camera, framing, rng)
    body = Body(
        mask=framing.mask(alpha),
        area=int(np.count_nonzero(alpha)),
        ground=framing.top + STANDS * alpha.shape[0],
        middle=framing.left + alpha.shape[1] / 2,
        unit=unit,
    )
    _cast_shadow(frame, body)
    frame.paste(person, (framing.left, framing.top), person)
    covered = body.covered()
    if occluded and covered < LEAST:

        def draw_stranger() -> Image.Image:
            return _portrait(_stranger(rng), camera, unit * rng.uniform(1.0, 1.15), rng)

        covered = cover(frame, body, target, draw_stranger, rng)
    return Shot(camera.expose(frame, (size[1], size[0]), rng), covered)


@lru_cache(maxsize=32)
def _view(scenes: tuple[str, ...], seed: int, height: int) -> Image.Image:
    return draw_view(scenes, seed, height)


def _background(camera: Camera, framing: Framing, rng: np.random.Generator) -> Image.Image:
    """Some piece of what ``camera`` looks at, perhaps with a passer-by in the distance."""
    height, width = framing.height, framing.width
    view = _view(camera.scenes, camera.scene_seed, round(1.2 * height))
    left = int(rng.integers(view.width - width + 1))
    top = int(rng.integers(view.height - height + 1))
    piece = view.crop((left, top, left + width, top + height))
    if rng.random() < PASSER_BY_SHARE:
        small = _portrait(_stranger(rng), camera, 0.45 * height, rng)
        piece.paste(small, (int(rng.uniform(-0.5, 0.7) * width), int(0.2 * height)), small)
    return piece


def _portrait(
    identity: Identity, camera: Camera, unit: float, rng: np.random.Generator
) -> Image.Image:
    pose = draw_pose(identity, camera.azimuth(rng), camera.tilt, rng)
    return draw_person(identity, pose, unit, camera.light)


def _stranger(rng: np.random.Generator) -> Identity:
    """Somebody who is none of the dataset's identities, except by chance."""
    return deal_identities(1, rng)[0]


def _cast_shadow(frame: Image.Image, body: Body) -> None:
    stencil = Image.new('L', frame.size)
    x, y, unit = body.middle, body.ground, body.unit
    box = (x - 0.2 * unit, y - 0.045 * unit, x + 0.2 * unit, y + 0.02 * unit)
    ImageDraw.Draw(stencil).ellipse(box, fill=90)
    frame.paste((0, 0, 0), mask=stencil)
