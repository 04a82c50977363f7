"""Corruptions of images. Class of faults: a level that is not the strength it says."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from msvitreid.errors import ConfigError
from msvitreid.evaluation.robustness import (
    CONDITIONS,
    DEFAULT_CONDITIONS,
    Corruption,
    chosen_conditions,
)
from msvitreid.evaluation.robustness.occlusion import FILLS, PLACES, occlude

SIZES = [(128, 64), (97, 31), (384, 128), (32, 16)]


def picture(height=128, width=64, seed=0) -> np.ndarray:
    """Smooth shapes with fine texture, no gray of 128 in them."""
    rng = np.random.default_rng(seed)
    row, column = np.mgrid[:height, :width] / height
    waves = [np.sin(6 * row + k) * np.cos(5 * column - k) for k in range(3)]
    base = 120 + 70 * np.stack(waves, axis=2) + rng.normal(0, 8, (height, width, 3))
    pixels = base.round().clip(0, 255).astype(np.uint8)
    return np.where(pixels == 128, 129, pixels).astype(np.uint8)


def stranger(name, rng):
    return picture(90, 50, seed=int(rng.integers(1, 100)))


def corrupted(condition, level, name='query/1.jpg', seed=0, image=None):
    image = picture() if image is None else image
    return Corruption(condition, level, seed, stranger)(image, name)


@pytest.mark.parametrize('condition', CONDITIONS)
def test_the_clean_level_changes_nothing(condition):
    image = picture()
    assert corrupted(condition, CONDITIONS[condition].clean, image=image) is image


@pytest.mark.parametrize('condition', CONDITIONS)
def test_levels_grow_in_change(condition):
    """Mean absolute change rises from level to level, of shape, type and source kept."""
    image = picture()
    before = image.copy()
    changes = []
    for level in CONDITIONS[condition].levels:
        found = corrupted(condition, level, image=image)
        assert (found.shape, found.dtype) == (image.shape, np.uint8)
        changes.append(np.abs(found.astype(int) - image).mean())
    assert changes[0] > 0
    assert (np.diff(changes) > 0).all(), changes
    assert np.array_equal(image, before)


@pytest.mark.parametrize('size', SIZES)
@pytest.mark.parametrize('place', PLACES)
@pytest.mark.parametrize('share', [0.0, 0.1, 0.25, 0.6, 1.0])
def test_the_covered_area_is_what_was_asked(size, place, share):
    """Within 1 % of the image, of small ones as well, where a row is 3 %."""
    image = picture(*size)
    found = occlude(image, share, place, 'gray', np.random.default_rng(0))
    covered = (found == 128).all(axis=2) & (image != 128).any(axis=2)
    assert covered.mean() == pytest.approx(share, abs=0.01)
    assert np.array_equal(found[~covered], image[~covered])


def test_places():
    """The covered part lies where its name says; scattered cells lie in both halves."""
    image, rng = picture(), np.random.default_rng(0)
    half = {
        place: (occlude(image, 0.5, place, 'gray', rng) == 128).all(axis=2) for place in PLACES
    }
    assert half['top'][:64].all()
    assert half['bottom'][64:].all()
    side = half['side'].all(axis=0)
    assert side[:32].all() != side[32:].all()
    assert 0 < half['scattered'][:64].mean() < 1
    assert 0 < half['scattered'][64:].mean() < 1


@pytest.mark.parametrize('place', PLACES)
def test_a_larger_share_covers_what_a_smaller_one_does(place):
    name = f'occlusion-{place}-gray'
    masks = [(corrupted(name, share) == 128).all(axis=2) for share in (0.1, 0.3, 0.6)]
    for small, large in pairwise(masks):
        assert (large | ~small).all()


def test_people_come_in_from_the_place():
    """From below one sees the head first, from above the feet."""
    donor = np.repeat(np.arange(100, dtype=np.uint8)[:, None, None], 40, axis=1)
    donor = np.repeat(donor, 3, axis=2)
    image = np.full((100, 40, 3), 255, np.uint8)
    rng = np.random.default_rng(0)
    below = occlude(image, 0.3, 'bottom', 'people', rng, donor)
    above = occlude(image, 0.3, 'top', 'people', rng, donor)
    assert below[70:, 0, 0].tolist() == list(range(30))
    assert above[:30, 0, 0].tolist() == list(range(70, 100))


@pytest.mark.parametrize('condition', DEFAULT_CONDITIONS)
def test_draws_depend_on_seed_and_name_alone(condition):
    """Not on what was corrupted before, nor on the process."""
    level = CONDITIONS[condition].levels[-1]
    first = corrupted(condition, level)
    corrupted(condition, level, name='another')
    assert np.array_equal(corrupted(condition, level), first)
    drawn = CONDITIONS[condition].name not in (
        'resolution', 'blur', 'jpeg', 'darkness', 'occlusion-bottom-gray',
    )  # fmt: skip
    for other in (corrupted(condition, level, name='b'), corrupted(condition, level, seed=1)):
        assert np.array_equal(other, first) != drawn


def test_bad_arguments():
    image, rng = picture(), np.random.default_rng(0)
    for share, place, fill, word in [
        (1.5, 'top', 'gray', 'share'),
        (float('nan'), 'top', 'gray', 'share'),
        (0.5, 'left', 'gray', 'place'),
        (0.5, 'top', 'red', 'fill'),
        (0.5, 'top', 'people', 'donor'),
    ]:
        with pytest.raises(ValueError, match=word):
            occlude(image, share, place, fill, rng)
    with pytest.raises(ConfigError, match='other people'):
        Corruption('occlusion-top-people', 0.3)(image, 'a')
    with pytest.raises(ConfigError, match=r"'blurr'.*'blur'"):
        chosen_conditions(['blurr'])
    with pytest.raises(ConfigError, match='fog'):
        chosen_conditions(['fog*'])


def test_conditions_by_patterns():
    assert len(chosen_conditions(['occlusion-*-people'])) == len(PLACES)
    assert len(chosen_conditions(['occlusion-*'])) == len(FILLS) * len(PLACES)
    chosen = chosen_conditions(['jpeg', 'occlusion-top-*', 'jpeg'])
    assert [one.name for one in chosen][:2] == ['jpeg', 'occlusion-top-gray']
    assert len(chosen) == 5
