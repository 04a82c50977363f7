"""Drawing a head: face, hair and hat."""

from __future__ import annotations

from . import palette
from .identity import Identity
from .palette import shade
from .pose import Pose
from .sheet import Sheet


def draw_head(sheet: Sheet, identity: Identity, pose: Pose) -> None:
    """Draw the head of ``identity`` on ``sheet``."""
    # Small people have the larger heads.
    size = 0.066 / palette.HEIGHTS[identity.height] ** 1.5
    x, y = pose.project(pose.head)
    skin = palette.SKINS[identity.skin]
    hair = palette.HAIR_COLOURS[identity.hair_color]
    # The face looks forward: hair shows on the other side of the head.
    front = 0.5 * size * pose.sideways
    away = pose.facing < -0.25
    if identity.hair in ('bob', 'long') and not away:
        fall = 1.25 if identity.hair == 'bob' else 2.5
        sheet.limb((x - front, y), (x - front, y - fall * size), size * 1.12, size * 0.95, hair)
    if identity.hair == 'ponytail':
        tail = x - 1.7 * size * pose.sideways
        sheet.limb(
            (x - front, y + 0.4 * size), (tail, y - 1.1 * size), 0.4 * size, 0.3 * size, hair
        )
    sheet.ellipse((x, y), 0.86 * size, 1.08 * size, skin)
    if away:
        sheet.ellipse((x, y + 0.1 * size), 0.92 * size, 1.0 * size, hair)
        if identity.hair in ('bob', 'long'):
            fall = 0.9 if identity.hair == 'bob' else 2.3
            sheet.limb((x, y), (x, y - fall * size), size, 0.95 * size, hair)
        if identity.hair == 'ponytail':
            low = (x, y - 1.8 * size)
            sheet.limb((x, y + 0.3 * size), low, 0.42 * size, 0.3 * size, shade(hair, 0.75))
    else:
        crown = (x - 0.75 * front, y + 0.5 * size)
        sheet.ellipse(crown, 0.9 * size, 0.68 * size, hair)
        if abs(pose.sideways) > 0.5:
            sheet.ellipse((x - 1.1 * front, y + 0.1 * size), 0.5 * size, 0.8 * size, hair)
    if identity.hair == 'bun':
        bun = (x - 0.9 * size * pose.sideways, y + 1.15 * size)
        sheet.ellipse(bun, 0.48 * size, 0.45 * size, hair)
    if identity.hat != 'none':
        _draw_hat(sheet, identity, pose, size)


def _draw_hat(sheet: Sheet, identity: Identity, pose: Pose, size: float) -> None:
    x, y = pose.project(pose.head)
    color = palette.ACCESSORY_COLOURS[identity.hat_color]
    brim = y + 0.42 * size
    top = 1.25 if identity.hat == 'cap' else 1.5
    places = [(-0.98, 0.0), (-0.9, 0.6), (-0.5, 0.95), (0.5, 0.95), (0.9, 0.6), (0.98, 0.0)]
    sheet.polygon([(x + a * size, brim + b * top * 0.8 * size) for a, b in places], color)
    if identity.hat == 'beanie':
        sheet.line([(x - size, brim), (x + size, brim)], 0.4 * size, shade(color, 0.7))
    elif pose.facing > -0.25:
        peak = x + 0.95 * size * pose.sideways
        sheet.ellipse((peak, brim), 0.75 * size, 0.22 * size, shade(color, 0.7))
