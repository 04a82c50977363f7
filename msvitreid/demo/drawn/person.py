"""Drawing a person: body, clothes and belongings, from far to near."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageChops

from . import palette
from .belongings import (
    draw_backpack,
    draw_handbag,
    draw_held,
    draw_shoulder_bag,
    draw_straps,
)
from .cloth import CHEST_HEIGHT, upper_cloth
from .head import draw_head
from .identity import Identity
from .palette import shade
from .pose import NECK_HEIGHT, Pose
from .sheet import Place, Sheet

# Far limbs are darker and near limbs have a rim, or same-colored parts would melt together.
FAR, RIM = 0.78, 0.62


def draw_person(identity: Identity, pose: Pose, unit: float, light: float) -> Image.Image:
    """``identity`` in ``pose``: an RGBA picture that is transparent around the body.

    Args:
        identity: Who.
        pose: How, and from which side.
        unit: Pixels of a body height; the picture's size is that of ``Sheet(unit)``.
        light: Side the light comes from, -1 (left) to 1 (right).
    """
    sheet = Sheet(unit)
    near, far = (0, 1) if pose.sideways < 0 else (1, 0)
    backpack = identity.bag == 'backpack'
    if backpack and pose.facing > 0:
        draw_backpack(sheet, identity, pose)
    if identity.carried == 'box' and pose.facing < 0:
        draw_held(sheet, identity, pose)
    _draw_arm(sheet, identity, pose, far, FAR)
    _draw_leg(sheet, identity, pose, far, FAR)
    _draw_leg(sheet, identity, pose, near, 1.0)
    _draw_lower(sheet, identity, pose)
    _draw_torso(sheet, identity, pose)
    if backpack:
        carry = draw_straps if pose.facing > 0 else draw_backpack
        carry(sheet, identity, pose)
    draw_head(sheet, identity, pose)
    if identity.bag == 'shoulder bag':
        draw_shoulder_bag(sheet, identity, pose)
    if identity.carried == 'box' and pose.facing >= 0:
        draw_held(sheet, identity, pose)
    _draw_arm(sheet, identity, pose, near, 1.0)
    if identity.bag == 'handbag':
        draw_handbag(sheet, identity, pose)
    if identity.carried in ('phone', 'umbrella'):
        draw_held(sheet, identity, pose)
    return _lit(sheet.image, light)


def _draw_leg(sheet: Sheet, identity: Identity, pose: Pose, side: int, factor: float) -> None:
    hips = palette.BUILDS[identity.build].hips
    skin = shade(palette.SKINS[identity.skin], factor)
    cloth = shade(palette.LOWER_COLOURS[identity.lower_color], factor)
    shoe = shade(palette.SHOE_COLOURS[identity.shoes], factor)
    hip, knee = pose.project(pose.hips[side]), pose.project(pose.knees[side])
    ankle = pose.project(pose.ankles[side])
    left, forward, up = pose.ankles[side]
    heel = pose.project((left, forward - 0.015, up - 0.012))
    toe = pose.project((left, forward + 0.06, up - 0.018))
    sheet.limb(heel, toe, 0.024, 0.018, shoe)
    thigh, calf, shank = 0.056 * hips, 0.038 * hips, 0.026
    trousers = identity.lower == 'trousers'
    if trousers:
        calf, shank = calf * 1.08, 0.034
    sheet.limb(knee, ankle, calf, shank, cloth if trousers else skin)
    sheet.limb(hip, knee, thigh, calf, skin if identity.lower == 'skirt' else cloth)
    if identity.lower == 'shorts':
        # Shorts are wider than the knee and end just above it.
        hem = (0.15 * hip[0] + 0.85 * knee[0], 0.15 * hip[1] + 0.85 * knee[1])
        sheet.limb(hip, hem, thigh, calf * 1.35, cloth)


def _draw_lower(sheet: Sheet, identity: Identity, pose: Pose) -> None:
    """The seat of the lower garment, and all of a skirt."""
    build = palette.BUILDS[identity.build]
    cloth = palette.LOWER_COLOURS[identity.lower_color]
    top = pose.hips[0][2]
    hip = pose.halfwidth(0.098 * build.hips, 0.078 * build.belly)
    waist = 0.92 * hip
    if identity.lower != 'skirt':
        places = [
            (-waist, top + 0.06),
            (waist, top + 0.06),
            (hip, top - 0.03),
            (-hip, top - 0.03),
        ]
        sheet.polygon(places, cloth)
        return
    knees = [pose.project(knee) for knee in pose.knees]
    hem = min(up for _, up in knees) + 0.02
    left = min(-hip * 1.15, min(x for x, _ in knees) - 0.05)
    right = max(hip * 1.15, max(x for x, _ in knees) + 0.05)
    sheet.polygon([(-waist, top + 0.06), (waist, top + 0.06), (right, hem), (left, hem)], cloth)
    sheet.line([(left, hem), (right, hem)], 0.012, shade(cloth, RIM))


def _draw_torso(sheet: Sheet, identity: Identity, pose: Pose) -> None:
    build = palette.BUILDS[identity.build]
    bottom = pose.hips[0][2] + 0.01
    shoulder = pose.halfwidth(0.12 * build.shoulders, 0.062 * build.shoulders)
    chest = pose.halfwidth(0.108 * build.shoulders, 0.076 * build.shoulders)
    belly = pose.halfwidth(0.098 * build.belly**0.6, 0.078 * build.belly)
    hem = pose.halfwidth(0.102 * build.hips, 0.08 * build.belly)
    neck = 0.042
    halves = [
        (neck, NECK_HEIGHT + 0.012),
        (shoulder * 0.8, NECK_HEIGHT - 0.012),
        (shoulder, NECK_HEIGHT - 0.045),
        (chest, 0.71),
        (belly, 0.6),
        (hem, bottom),
    ]
    outline: list[Place] = list(halves)
    outline += [(-x, y) for x, y in reversed(halves)]
    skin = palette.SKINS[identity.skin]
    sheet.limb(
        (0.0, NECK_HEIGHT - 0.02), pose.project(pose.head), 0.036, 0.034, shade(skin, 0.85)
    )
    sheet.polygon(outline, upper_cloth(identity, sheet))
    color = palette.GARMENT_COLOURS[identity.upper_color]
    sheet.line([(-hem, bottom), (hem, bottom)], 0.01, shade(color, RIM))
    if identity.pattern == 'logo':
        # On chest and back alike, so that it shows from either side.
        logo = palette.GARMENT_COLOURS[identity.second_color]
        x = abs(pose.facing) * 0.055 + 0.008
        middle = (pose.sideways * chest * 0.7 * np.sign(pose.facing), CHEST_HEIGHT + 0.02)
        sheet.ellipse((float(middle[0]), middle[1]), x, 0.055, logo)


def _draw_arm(sheet: Sheet, identity: Identity, pose: Pose, side: int, factor: float) -> None:
    shoulders = palette.BUILDS[identity.build].shoulders
    skin = shade(palette.SKINS[identity.skin], factor)
    shoulder = pose.project(pose.shoulders[side])
    # Shoulders are seen inside the torso's outline, not sticking out of it.
    shoulder = (shoulder[0] * 0.95, shoulder[1])
    elbow, hand = pose.project(pose.elbows[side]), pose.project(pose.hands[side])
    thick, middle, thin = 0.036 * shoulders, 0.03 * shoulders, 0.021
    cloth = upper_cloth(identity, sheet, factor)
    rim = shade(palette.GARMENT_COLOURS[identity.upper_color], factor * RIM)
    bare = shade(skin, RIM)
    sleeved = identity.sleeves
    edge = 0.008
    sheet.limb(elbow, hand, middle + edge, thin + edge, rim if sleeved == 'long' else bare)
    sheet.limb(shoulder, elbow, thick + edge, middle + edge, bare if sleeved == 'none' else rim)
    sheet.ellipse(hand, 0.026, 0.028, skin)
    sheet.limb(elbow, hand, middle, thin, cloth if sleeved == 'long' else skin)
    sheet.limb(shoulder, elbow, thick, middle, skin if sleeved == 'none' else cloth)


def _lit(person: Image.Image, light: float) -> Image.Image:
    """``person`` with its side away from the light in shade."""
    width, height = person.size
    fall = 1 - 0.3 * np.clip(0.5 - light * np.linspace(-3, 3, width), 0, 1)
    strip = Image.fromarray((fall * 255).astype(np.uint8)[None])
    shading = strip.resize((width, height))
    opaque = Image.new('L', person.size, 255)
    return ImageChops.multiply(person, Image.merge('RGBA', (shading, shading, shading, opaque)))
