"""Poses: a walker's joints in three dimensions and their projection to the picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from . import palette
from .identity import Identity

SHOULDER_HEIGHT = 0.815
NECK_HEIGHT = 0.845

# Points are (left, forward, up) of the walker, in units of the body's height, ground at 0.
Point = tuple[float, float, float]


@dataclass(frozen=True)
class Pose:
    """Where the joints are; index 0 is the walker's left side, 1 the right."""

    azimuth: float
    tilt: float
    hips: tuple[Point, Point]
    knees: tuple[Point, Point]
    ankles: tuple[Point, Point]
    shoulders: tuple[Point, Point]
    elbows: tuple[Point, Point]
    hands: tuple[Point, Point]
    head: Point

    @property
    def facing(self) -> float:
        """1 towards the camera, -1 away from it, 0 in profile."""
        return float(np.cos(self.azimuth))

    @property
    def sideways(self) -> float:
        """1 walking to the picture's right, -1 to its left, 0 towards it or away."""
        return float(np.sin(self.azimuth))

    def project(self, point: Point) -> tuple[float, float]:
        """Picture coordinates (right, up) of a body point, in body heights."""
        left, _, up = point
        x = left * self.facing + point[1] * self.sideways
        return x, up - self.tilt * self.depth(point)

    def depth(self, point: Point) -> float:
        """How much nearer to the camera than the body's axis a body point is."""
        left, forward, _ = point
        return forward * self.facing - left * self.sideways

    def halfwidth(self, lateral: float, sagittal: float) -> float:
        """Half the width seen of an upright ellipse with the given half axes."""
        return float(np.hypot(lateral * self.facing, sagittal * self.sideways))


def draw_pose(
    identity: Identity, azimuth: float, tilt: float, rng: np.random.Generator
) -> Pose:
    """A random moment of ``identity``'s walk, seen from ``azimuth`` (radians)."""
    build = palette.BUILDS[identity.build]
    hip_height = palette.LEGS[identity.legs]
    swing = rng.uniform(-0.5, 0.5)
    hips, knees, ankles = [], [], []
    shoulders, elbows, hands = [], [], []
    for side in (1, -1):
        leg = side * swing + rng.uniform(-0.06, 0.06)
        hip = (side * 0.052 * build.hips, 0.0, hip_height)
        # The leg behind has its heel lifted, the one in front is nearly straight.
        bend = rng.uniform(0.0, 0.15) + max(0.0, -leg) * rng.uniform(0.2, 1.1)
        length = (hip_height - 0.035) / 2
        knee = _swung(hip, leg, length)
        hips.append(hip)
        knees.append(knee)
        ankles.append(_swung(knee, leg - bend, length))

        arm, elbow_bend = _arm_angles(identity, side, swing, rng)
        spread = side * rng.uniform(0.02, 0.05)
        shoulder = (side * 0.105 * build.shoulders, 0.0, SHOULDER_HEIGHT)
        elbow = _swung(shoulder, arm, 0.165, spread)
        hand = _swung(elbow, arm + elbow_bend, 0.17, -spread * min(1.0, elbow_bend))
        shoulders.append(shoulder)
        elbows.append(elbow)
        hands.append(hand)
    nod = (rng.uniform(-0.012, 0.012), rng.uniform(0.0, 0.03), 0.92)
    return Pose(
        azimuth=azimuth,
        tilt=tilt,
        hips=(hips[0], hips[1]),
        knees=(knees[0], knees[1]),
        ankles=(ankles[0], ankles[1]),
        shoulders=(shoulders[0], shoulders[1]),
        elbows=(elbows[0], elbows[1]),
        hands=(hands[0], hands[1]),
        head=nod,
    )


def _arm_angles(
    identity: Identity, side: int, swing: float, rng: np.random.Generator
) -> tuple[float, float]:
    """Upper arm angle from hanging, and elbow bend, both forwards and in radians."""
    if identity.carried == 'box':
        return 0.25, 1.25
    if identity.carried == 'phone' and side < 0:
        return float(rng.uniform(0.2, 0.6)), float(rng.uniform(1.6, 2.3))
    loaded = identity.bag == 'handbag' and side > 0
    reach = 0.3 if loaded else 1.0
    return -side * swing * reach + float(rng.uniform(-0.1, 0.1)), float(rng.uniform(0.05, 0.45))


def _swung(start: Point, angle: float, length: float, outwards: float = 0.0) -> Point:
    left, forward, up = start
    return (
        left + outwards,
        forward + length * float(np.sin(angle)),
        up - length * float(np.cos(angle)),
    )
