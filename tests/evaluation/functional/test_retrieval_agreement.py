"""Class of faults: another ranking that passes for rounding, and rounding for another ranking."""

import numpy as np
import pytest

from msvitreid.evaluation.functional import largest_change, ranking_agreement

# On a circle: the first is nearer to the second than to the third by 0.1.
ANGLES = np.array([0.0, 0.5, -0.6, 2.0])


def circle(angles):
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def test_equal_embeddings_agree():
    found = ranking_agreement(circle(ANGLES), circle(ANGLES).astype(np.float32))
    assert found.cosine_min == pytest.approx(1)
    assert (found.rankings_changed, found.overlap_at_10) == (0, 1)


def test_images_that_change_places_are_another_ranking():
    moved = circle(ANGLES + np.array([0, 0.2, 0, 0]))
    found = ranking_agreement(circle(ANGLES), moved)
    # Only the first image has the second and the third on both sides.
    assert found.rankings_changed == 1
    assert found.cosine_min == pytest.approx(np.cos(0.2))


def test_a_tie_may_be_broken_either_way():
    tied = np.array([0.0, 0.5, -0.5 - 1e-8, 2.0])
    moved = tied + np.array([0, 2e-8, 0, 0])
    assert ranking_agreement(circle(tied), circle(moved)).rankings_changed == 0
    assert ranking_agreement(circle(tied), circle(moved), tie=0).rankings_changed == 1


def test_three_far_apart_are_no_chain_of_ties():
    """Neighbors within the tie, first and last not."""
    angles = np.array([0.0, 1.0, 1.0 + 8e-7, 1.0 + 16e-7])
    reversed_ = angles[[0, 3, 2, 1]]
    assert ranking_agreement(circle(angles), circle(reversed_)).rankings_changed >= 1


def test_the_ten_nearest_are_compared_without_the_image_itself():
    rng = np.random.default_rng(0)
    reference = rng.normal(size=(30, 8))
    found = ranking_agreement(reference, rng.normal(size=(30, 8)))
    assert 0.1 < found.overlap_at_10 < 0.6
    assert found.rankings_changed == 30


def test_largest_change():
    moved = circle(ANGLES + np.array([0, 0, 0, 0.1]))
    expected = max(abs(np.cos(2.1 - angle) - np.cos(2.0 - angle)) for angle in ANGLES[:3])
    assert largest_change(circle(ANGLES), moved) == pytest.approx(expected)


@pytest.mark.parametrize('other', [np.ones((3, 2)), np.ones((4, 3)), np.ones(4)])
def test_other_shapes_are_refused(other):
    with pytest.raises(ValueError, match=r'\(4, 2\)'):
        ranking_agreement(np.ones((4, 2)), other)
