from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from msvitreid.demo.drawn.camera import draw_cameras
from msvitreid.demo.drawn.scene import ASPECT, SCENES, draw_view

CAMERAS = draw_cameras(6, np.random.default_rng(0))
NEUTRAL = replace(
    CAMERAS[0], gain=1.0, cast=(1.0, 1.0, 1.0), gamma=1.0, haze=0.0, noise=0.0, reduction=1.0
)
GREY = Image.new('RGB', (128, 256), (100, 100, 100))


def exposed(camera, seed: int = 0) -> np.ndarray:
    image = camera.expose(GREY, (64, 128), np.random.default_rng(seed))
    assert image.size == (64, 128)
    return np.asarray(image).astype(float)


def test_cameras_differ_in_light_and_tint() -> None:
    assert [camera.camid for camera in CAMERAS] == [1, 2, 3, 4, 5, 6]
    gains = sorted(camera.gain for camera in CAMERAS)
    assert np.all(np.diff(gains) > 0.03)
    tints = [int(np.argmax(camera.cast)) for camera in CAMERAS]
    assert set(tints) == {0, 1, 2}


def test_neutral_exposure_changes_brightness_by_the_time_of_day_only() -> None:
    means = [exposed(NEUTRAL, seed).mean() for seed in range(20)]
    assert 100 * 0.92 * 0.97 - 1 <= min(means) < max(means) <= 100 * 1.08 * 1.03 + 1
    assert max(means) - min(means) > 5


@pytest.mark.parametrize(
    ('change', 'darker'),
    [({'gain': 0.5}, True), ({'gamma': 1.5}, True), ({'haze': 0.3}, False)],
)
def test_photometry_moves_brightness(change: dict[str, float], darker: bool) -> None:
    difference = exposed(replace(NEUTRAL, **change)).mean() - exposed(NEUTRAL).mean()
    assert difference < -10 if darker else difference > 10


def test_cast_tints_and_noise_roughens() -> None:
    tinted = exposed(replace(NEUTRAL, cast=(1.2, 1.0, 0.8))).mean(axis=(0, 1))
    assert tinted[0] > tinted[1] + 10 > tinted[2] + 20
    assert exposed(NEUTRAL).std(axis=(0, 1)).max() == 0
    assert exposed(replace(NEUTRAL, noise=8.0)).std() > 5


def test_reduction_loses_detail() -> None:
    stripes = np.zeros((256, 128, 3), np.uint8)
    stripes[:, ::8] = stripes[:, 1::8] = stripes[:, 2::8] = stripes[:, 3::8] = 255
    spread = [
        np.asarray(
            replace(NEUTRAL, reduction=reduction, blur=0.0).expose(
                Image.fromarray(stripes), (64, 128), np.random.default_rng(0)
            )
        ).std()
        for reduction in (1.0, 2.0, 4.0)
    ]
    assert spread[0] > spread[1] > spread[2]


def test_sides_are_seen_as_often_as_the_camera_says() -> None:
    camera = replace(NEUTRAL, sides=(0.0, 0.75, 0.25, 0.0))
    rng = np.random.default_rng(0)
    facing = np.cos([camera.azimuth(rng) for _ in range(400)])
    assert np.mean(facing < -0.8) == pytest.approx(0.75, abs=0.08)
    assert np.all(facing < 0.5)


def test_encode_writes_a_jpeg_that_grows_with_quality() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (128, 64, 3), np.uint8)
    coarse, fine = (
        replace(NEUTRAL, quality=quality).encode(Image.fromarray(noise)) for quality in (40, 90)
    )
    assert Image.open(io.BytesIO(fine)).format == 'JPEG'
    assert len(fine) > len(coarse)


@pytest.mark.parametrize('scene', SCENES)
def test_scenes_have_their_size_and_content(scene: str) -> None:
    view = draw_view([scene, scene], 3, 100)
    assert view.size == (round(200 * ASPECT), 100)
    pixels = np.asarray(view).astype(int)
    assert pixels.std() > 10
    # The two halves have details of their own.
    assert np.abs(pixels[:, :150] - pixels[:, 150:]).mean() > 2
    assert np.array_equal(pixels, np.asarray(draw_view([scene, scene], 3, 100)))
