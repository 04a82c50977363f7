from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from msvitreid.demo.drawn import occlusion
from msvitreid.demo.drawn.occlusion import Body, cover, draw_target
from msvitreid.demo.drawn.things import THINGS, draw_wall

MAGENTA = (255, 0, 255)


def upright_body(height: int, width: int) -> tuple[Image.Image, Body]:
    """A frame with a magenta figure: an ellipse on two legs."""
    stencil = Image.new('L', (width, height))
    draw = ImageDraw.Draw(stencil)
    middle = width / 2
    draw.ellipse(
        (middle - 0.16 * height, 0.05 * height, middle + 0.16 * height, 0.6 * height), fill=255
    )
    for x in (-0.1, 0.04):
        left = middle + x * height
        draw.rectangle((left, 0.5 * height, left + 0.06 * height, 0.95 * height), fill=255)
    frame = Image.new('RGB', (width, height))
    frame.paste(MAGENTA, mask=stencil)
    mask = np.asarray(stencil) > 0
    body = Body(mask, int(mask.sum()), 0.95 * height, middle, 0.9 * height)
    return frame, body


def stranger(height: int) -> Image.Image:
    image = Image.new('RGBA', (height, round(1.1 * height)))
    ImageDraw.Draw(image).ellipse((0.3 * height, 0, 0.7 * height, height), fill=(0, 90, 0, 255))
    return image


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    height=st.sampled_from([64, 100, 256]),
    share=st.floats(0.4, 0.6),
)
def test_cover_hides_what_it_says_and_within_the_promise(
    seed: int, height: int, share: float
) -> None:
    rng = np.random.default_rng(seed)
    frame, body = upright_body(height, round(share * height))
    target = draw_target(rng)
    covered = cover(frame, body, target, lambda: stranger(height), rng)
    assert 0.2 <= covered <= 0.6
    # What is still magenta is still seen; half-transparent rims may go either way.
    seen = np.abs(np.asarray(frame).astype(int) - MAGENTA).sum(axis=2) < 120
    measured = 1 - (seen & body.mask).sum() / body.area
    assert measured == pytest.approx(covered, abs=0.08)


def test_covered_counts_what_lies_beyond_the_frame() -> None:
    mask = np.zeros((10, 10), bool)
    mask[:5] = True
    body = Body(mask, 100, ground=9, middle=5, unit=10)
    assert body.covered() == 0.5
    opaque = np.zeros((10, 10), bool)
    opaque[:, :2] = True
    assert body.covered(opaque) == pytest.approx(0.6)


def test_a_wall_steps_in_where_nothing_else_can(monkeypatch: pytest.MonkeyPatch) -> None:
    def glass(_: np.random.Generator) -> Image.Image:
        return Image.new('RGBA', (20, 20))

    monkeypatch.setattr(occlusion, 'THINGS', dict.fromkeys(THINGS, glass))
    frame, body = upright_body(128, 64)
    covered = cover(frame, body, 0.5, lambda: glass(None), np.random.default_rng(0))
    assert covered == pytest.approx(0.5, abs=0.03)


def test_targets_spread_over_the_promise() -> None:
    rng = np.random.default_rng(0)
    targets = [draw_target(rng) for _ in range(200)]
    assert 0.2 < min(targets) < 0.3
    assert 0.5 < max(targets) < 0.6


@pytest.mark.parametrize('draw', [*THINGS.values(), draw_wall])
def test_things_differ_and_hide_something(draw) -> None:
    first, second = (draw(np.random.default_rng(seed)) for seed in (0, 1))
    assert first.mode == 'RGBA'
    assert (np.asarray(first.getchannel('A')) == 255).mean() > 0.3
    assert first.tobytes() != second.tobytes()
