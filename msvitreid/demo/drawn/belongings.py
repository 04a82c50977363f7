"""Drawing what a person carries: bags and things in the hand."""

from __future__ import annotations

from . import palette
from .identity import Identity
from .palette import shade
from .pose import Pose
from .sheet import Place, Sheet


def draw_backpack(sheet: Sheet, identity: Identity, pose: Pose) -> None:
    """A backpack; of one that the body hides, the sides and the straps remain."""
    color = palette.ACCESSORY_COLOURS[identity.bag_color]
    x, y = pose.project((0.0, -0.1, 0.69))
    width = pose.halfwidth(0.1, 0.062)
    _rounded(sheet, (x, y), width, 0.125, color)
    if pose.facing <= 0:
        _rounded(sheet, (x, y - 0.045), width * 0.75, 0.05, shade(color, 0.72))
        sheet.line([(x - width, y + 0.06), (x + width, y + 0.06)], 0.012, shade(color, 0.6))


def draw_straps(sheet: Sheet, identity: Identity, pose: Pose) -> None:
    """The straps of a backpack, over the chest."""
    color = palette.ACCESSORY_COLOURS[identity.bag_color]
    for side in (1, -1):
        high = pose.project((side * 0.07, 0.05, 0.84))
        low = pose.project((side * 0.085, 0.06, 0.63))
        sheet.line([high, low], 0.028, shade(color, 0.85))


def draw_shoulder_bag(sheet: Sheet, identity: Identity, pose: Pose) -> None:
    """A bag on the right hip with its strap across the torso."""
    color = palette.ACCESSORY_COLOURS[identity.bag_color]
    front = 0.07 if pose.facing >= 0 else -0.07
    high = pose.project((0.06, front * 0.6, 0.84))
    low = pose.project((-0.12, front * 0.6, 0.53))
    sheet.line([high, low], 0.024, shade(color, 0.7))
    hip = (-0.14, 0.0, 0.49)
    if pose.depth(hip) > -0.08:
        _rounded(sheet, pose.project(hip), pose.halfwidth(0.05, 0.085), 0.062, color)


def draw_handbag(sheet: Sheet, identity: Identity, pose: Pose) -> None:
    """A bag hanging from the left hand."""
    color = palette.ACCESSORY_COLOURS[identity.bag_color]
    x, y = pose.project(pose.hands[0])
    width = pose.halfwidth(0.045, 0.085)
    sheet.line([(x - width * 0.6, y - 0.07), (x, y), (x + width * 0.6, y - 0.07)], 0.012, color)
    _rounded(sheet, (x, y - 0.115), width, 0.055, color)


def draw_held(sheet: Sheet, identity: Identity, pose: Pose) -> None:
    """The thing in the right hand, or the box in both."""
    x, y = pose.project(pose.hands[1])
    if identity.carried == 'phone':
        sheet.polygon(
            [(x - 0.018, y), (x + 0.018, y), (x + 0.018, y + 0.055), (x - 0.018, y + 0.055)],
            (18, 18, 22),
        )
    elif identity.carried == 'umbrella':
        tip = pose.project((pose.hands[1][0] - 0.02, pose.hands[1][1] + 0.1, 0.06))
        sheet.limb((x, y), tip, 0.026, 0.008, (60, 30, 90))
    else:
        x, y = pose.project((0.0, 0.21, pose.hands[1][2] + 0.05))
        width = pose.halfwidth(0.13, 0.09)
        outline = [(x - width, y - 0.07), (x + width, y - 0.07)]
        outline += [(x + width, y + 0.07), (x - width, y + 0.07)]
        sheet.polygon(outline, (186, 142, 92))
        sheet.line([(x - width, y), (x + width, y)], 0.016, (150, 108, 64))


def _rounded(
    sheet: Sheet, centre: Place, width: float, height: float, color: palette.RGB
) -> None:
    """A box with cut corners, given its half width and half height."""
    x, y = centre
    corner = 0.3 * min(width, height)
    quarter = [(width, height - corner), (width - corner, height)]
    outline = [(x + a, y + b) for a, b in quarter]
    outline += [(x - a, y + b) for a, b in reversed(quarter)]
    outline += [(x - a, y - b) for a, b in quarter]
    outline += [(x + a, y - b) for a, b in reversed(quarter)]
    sheet.polygon(outline, color)
