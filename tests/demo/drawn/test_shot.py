from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest

from msvitreid.demo.drawn import shot
from msvitreid.demo.drawn.camera import draw_cameras
from msvitreid.demo.drawn.identity import PALETTES, Identity, draw_identities
from msvitreid.demo.drawn.person import draw_person
from msvitreid.demo.drawn.pose import draw_pose
from msvitreid.demo.drawn.shot import take_shot

IDENTITIES = draw_identities((12,), np.random.default_rng(0))[0]
CAMERAS = draw_cameras(4, np.random.default_rng(1))
SIZE = (128, 64)


@pytest.mark.parametrize('edge_share', [0.0, 1.0])
def test_occluded_shots_keep_the_promise(
    edge_share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shot, 'EDGE_SHARE', edge_share)
    covered = [
        take_shot(
            identity, camera, SIZE, True, np.random.default_rng([i, camera.camid])
        ).covered
        for i, identity in enumerate(IDENTITIES)
        for camera in CAMERAS
    ]
    assert min(covered) >= 0.2
    assert max(covered) <= 0.6
    assert max(covered) - min(covered) > 0.2


def test_free_shots_show_nearly_the_whole_body() -> None:
    covered = [
        take_shot(identity, CAMERAS[0], SIZE, False, np.random.default_rng(i)).covered
        for i, identity in enumerate(IDENTITIES)
    ]
    assert np.median(covered) < 0.02
    assert max(covered) < 0.2


@pytest.mark.parametrize('size', [(32, 16), (128, 64), (96, 96), (384, 128)])
def test_size_is_height_and_width(size: tuple[int, int]) -> None:
    made = take_shot(IDENTITIES[0], CAMERAS[0], size, True, np.random.default_rng(0))
    assert made.image.size == (size[1], size[0])
    assert made.image.mode == 'RGB'
    assert 0.2 <= made.covered <= 0.6


def test_a_shot_is_made_by_its_seed() -> None:
    def pixels(seed: int) -> bytes:
        rng = np.random.default_rng(seed)
        return take_shot(IDENTITIES[0], CAMERAS[0], SIZE, True, rng).image.tobytes()

    assert pixels(5) == pixels(5)
    assert pixels(5) != pixels(6)


def test_every_attribute_shows() -> None:
    """People who differ in one attribute alone look different from some side."""
    somebody = replace(
        IDENTITIES[0],
        pattern='logo',
        upper_color='red',
        second_color='white',
        bag='handbag',
        bag_color='red',
        hat='cap',
        hat_color='red',
        carried='none',
    )

    def looks(identity: Identity) -> list[bytes]:
        return [
            draw_person(
                identity, draw_pose(identity, azimuth, 0.1, np.random.default_rng(1)), 120, 0.0
            ).tobytes()
            for azimuth in (0.1, 1.5, 3.0)
        ]

    before = looks(somebody)
    for field in fields(Identity):
        if field.name == 'height':  # a matter of the frame's scale and the head's size
            continue
        for value in set(PALETTES[field.name]) - {getattr(somebody, field.name)}:
            assert looks(replace(somebody, **{field.name: value})) != before, (
                field.name,
                value,
            )
