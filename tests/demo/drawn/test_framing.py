from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from msvitreid.demo.drawn.framing import Framing, cut, draw_framing

ALPHA = np.zeros((127, 110), bool)
ALPHA[15:115, 40:70] = True


def outside(framing: Framing, alpha: np.ndarray) -> float:
    """Share of the mask beyond the box, pixel by pixel."""
    rows, columns = np.nonzero(alpha)
    rows, columns = rows + framing.top, columns + framing.left
    inside = (rows >= 0) & (rows < framing.height) & (columns >= 0) & (columns < framing.width)
    return 1 - inside.mean()


@given(seed=st.integers(0, 2**32))
def test_the_box_is_about_the_person(seed: int) -> None:
    framing = draw_framing(ALPHA, 108, np.random.default_rng(seed))
    assert framing.height == 108
    assert 0.34 * 108 - 1 <= framing.width <= 0.6 * 108 + 1
    assert outside(framing, ALPHA) < 0.05


def test_wide_people_get_wide_boxes() -> None:
    alpha = ALPHA.copy()
    alpha[60:64, 25:85] = True
    rng = np.random.default_rng(0)
    assert draw_framing(alpha, 108, rng).width > 58
    assert draw_framing(ALPHA, 108, rng).width < 45


@given(
    edge=st.sampled_from(['bottom', 'left', 'right']),
    target=st.floats(0.2, 0.6),
    seed=st.integers(0, 2**32),
)
def test_cut_leaves_out_the_target(edge: str, target: float, seed: int) -> None:
    before = draw_framing(ALPHA, 108, np.random.default_rng(seed))
    after = cut(before, ALPHA, edge, target)
    assert outside(after, ALPHA) == pytest.approx(target, abs=1 / 30 + 1e-9)
    unchanged = ('height', 'width', 'left' if edge == 'bottom' else 'top')
    assert all(getattr(after, name) == getattr(before, name) for name in unchanged)
    rows, columns = np.nonzero(ALPHA)
    beyond = {
        'bottom': rows + after.top >= after.height,
        'left': columns + after.left < 0,
        'right': columns + after.left >= after.width,
    }
    assert beyond[edge].mean() == pytest.approx(target, abs=0.04)


@pytest.mark.parametrize(
    ('left', 'top'), [(0, 0), (-50, -20), (30, 40), (-200, 0), (0, 200), (5, -300)]
)
def test_mask_is_the_person_moved(left: int, top: int) -> None:
    framing = Framing(100, 60, left, top)
    expected = np.zeros((100, 60), bool)
    for row, column in np.argwhere(ALPHA):
        if 0 <= row + top < 100 and 0 <= column + left < 60:
            expected[row + top, column + left] = True
    np.testing.assert_array_equal(framing.mask(ALPHA), expected)
