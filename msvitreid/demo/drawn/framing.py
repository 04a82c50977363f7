"""Framing: which part of the scene around a person becomes the picture."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .sheet import STANDS

# Widths of a detector's box as shares of its height; the picture is resized to its own.
WIDTHS = (0.34, 0.6)


class Framing(NamedTuple):
    """A box's size, and where in it the corner of a person's picture lies, in pixels."""

    height: int
    width: int
    left: int
    top: int

    def visible(self, alpha: np.ndarray) -> np.ndarray:
        """The part of a person's mask that lies in the box."""
        rows = slice(max(0, -self.top), max(0, self.height - self.top))
        columns = slice(max(0, -self.left), max(0, self.width - self.left))
        return alpha[rows, columns]

    def mask(self, alpha: np.ndarray) -> np.ndarray:
        """A person's mask as it appears in the box."""
        mask = np.zeros((self.height, self.width), bool)
        visible = self.visible(alpha)
        top, left = max(0, self.top), max(0, self.left)
        mask[top : top + visible.shape[0], left : left + visible.shape[1]] = visible
        return mask


def draw_framing(alpha: np.ndarray, height: int, rng: np.random.Generator) -> Framing:
    """A detector's box, ``height`` high, around the person whose bool mask is ``alpha``.

    It is as wide as the person, more or less, and not quite in its place.
    """
    columns = np.flatnonzero(alpha.any(axis=0))
    extent = columns[-1] + 1 - columns[0]
    low, high = WIDTHS
    width = round(np.clip(extent * rng.uniform(1.0, 1.2), low * height, high * height))
    left = round((width - extent) * rng.uniform(0.2, 0.8)) - int(columns[0])
    top = round(height * rng.uniform(0.94, 0.985) - STANDS * alpha.shape[0])
    return Framing(height, width, left, top)


def cut(framing: Framing, alpha: np.ndarray, edge: str, target: float) -> Framing:
    """``framing`` moved so that it leaves out ``target`` of the person.

    Args:
        framing: A box that leaves out less than that.
        alpha: The person's bool mask.
        edge: 'bottom', 'left' or 'right', the edge beyond which the rest lies.
        target: Share of the mask.
    """
    # Moving one way leaves the other alone: what is out there already stays out.
    if edge == 'bottom':
        whole = framing._replace(height=alpha.shape[0], top=0)
        return framing._replace(
            top=framing.height - _reach(whole.visible(alpha), alpha, target)
        )
    whole = framing._replace(width=alpha.shape[1], left=0)
    columns = whole.visible(alpha).T
    if edge == 'right':
        return framing._replace(left=framing.width - _reach(columns, alpha, target))
    return framing._replace(left=_reach(columns[::-1], alpha, target) - alpha.shape[1])


def _reach(lines: np.ndarray, alpha: np.ndarray, target: float) -> int:
    """How many of the first ``lines`` hold all but ``target`` of the mask."""
    seen = np.cumsum(np.count_nonzero(lines, axis=1)) / np.count_nonzero(alpha)
    return int(np.searchsorted(seen, 1 - target)) + 1
