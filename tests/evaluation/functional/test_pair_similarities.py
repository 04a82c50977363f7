"""All pairs of images, each once: counts, tails and histograms against a full matrix."""

import numpy as np
import pytest
from sklearn.metrics import roc_curve

from msvitreid.evaluation.functional.pair_similarities import (
    BIN_EDGES,
    STEPS,
    pair_similarities,
)


def made_set(identities=12, each=6, width=16, noise=0.8, seed=0):
    """Unit features, pids and cameras of clustered images."""
    rng = np.random.default_rng(seed)
    pids = np.repeat(np.arange(identities), each)
    centers = rng.normal(size=(identities, width))
    features = centers[pids] + noise * rng.normal(size=(len(pids), width))
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    return features.astype(np.float32), pids, np.tile(np.arange(each) % 3, identities)


def all_pairs(features, pids, camids=None):
    """Similarities of every pair i < j, and whether it is of one identity, of two, or neither."""
    one, other = np.triu_indices(len(features), 1)
    similarity = (features @ features.T).clip(-1, 1)[one, other]
    same = pids[one] == pids[other]
    counts = same if camids is None else same & (camids[one] != camids[other])
    return similarity, counts, ~same


@pytest.mark.parametrize('chunk', [5, 72, 256])
@pytest.mark.parametrize('cross', [True, False])
def test_every_pair_counts_once(chunk, cross):
    """Class of faults: an image paired with itself, or a pair that counts twice."""
    features, pids, camids = made_set()
    cameras = camids if cross else None
    found = pair_similarities(features, pids, cameras, tail_size=100, chunk=chunk)
    similarity, genuine, impostor = all_pairs(features, pids, cameras)
    assert len(found.genuine) == genuine.sum() == (12 * 12 if cross else 12 * 15)
    assert found.num_impostor == impostor.sum() == 12 * 11 // 2 * 36
    np.testing.assert_allclose(found.genuine, np.sort(similarity[genuine]), atol=1e-6)
    highest = np.sort(similarity[impostor])[::-1]
    np.testing.assert_allclose(found.tail, highest[:100], atol=1e-6)
    assert found.floor == pytest.approx(highest[100], abs=1e-6)
    for pairs, same in ((found.genuine_pairs, True), (found.tail_pairs, False)):
        assert (pairs[:, 0] < pairs[:, 1]).all()
        assert ((pids[pairs[:, 0]] == pids[pairs[:, 1]]) == same).all()
    one, other = found.tail_pairs.T
    np.testing.assert_allclose((features[one] * features[other]).sum(1), found.tail, atol=1e-6)


def test_rates_are_those_of_scikit_learn():
    """Class of faults: a tail or histogram that gives other rates than all pairs."""
    features, pids, camids = made_set()
    found = pair_similarities(features, pids, camids, tail_size=300)
    similarity, _, impostor = all_pairs(features, pids, camids)
    # The same numbers, as scikit-learn's thresholds are among them.
    scores = np.concatenate([found.genuine, found.tail])
    is_same = np.arange(len(scores)) < len(found.genuine)
    fpr, tpr, thresholds = roc_curve(is_same, scores, drop_intermediate=False)
    for false, true, threshold in zip(fpr, tpr, thresholds, strict=True):
        if found.floor < threshold <= 1:
            assert found.false_matches(threshold) == round(false * 300)
            missed = found.false_non_matches(threshold)
            assert missed == round((1 - true) * len(found.genuine))
    for edge in BIN_EDGES[:: STEPS // 8]:
        if edge <= found.floor:
            assert found.false_matches(edge) == (similarity[impostor] >= edge).sum()


def test_the_threshold_of_a_number_of_false_matches():
    features, pids, _ = made_set()
    found = pair_similarities(features, pids, tail_size=50)
    for count in (0, 7, 50):
        threshold = found.threshold_of_false_matches(count)
        assert found.false_matches(threshold) == count
        assert np.nextafter(np.float32(threshold), np.float32(-1)) == (
            found.tail[count] if count < 50 else np.float32(found.floor)
        )


def test_equal_similarities_are_all_in_the_tail_or_out():
    """Class of faults: a collapsed net, all of whose pairs tie, fills the memory."""
    features = np.tile(np.float32([[0.6, 0.8]]), (40, 1))
    found = pair_similarities(features, np.repeat(np.arange(20), 2), tail_size=10)
    assert len(found.tail) == 0
    assert found.floor == pytest.approx(1)
    assert found.false_matches(found.threshold_of_false_matches(10)) == 0


def test_histograms_of_groups():
    features, pids, _ = made_set()
    groups = pids % 2
    found = pair_similarities(features, pids, groups=groups)
    one, other = np.triu_indices(len(features), 1)
    within = groups[one] == groups[other]
    same = pids[one] == pids[other]
    assert found.histograms.shape == (3, 2, 2 * STEPS + 1)
    for group in (0, 1):
        chosen = within & (groups[one] == group)
        expected = [(chosen & ~same).sum(), (chosen & same).sum()]
        assert found.histograms[group].sum(axis=1).tolist() == expected
    assert found.histograms[2].sum(axis=1).tolist() == [(~within).sum(), 0]


def test_few_images():
    for count in (0, 1):
        found = pair_similarities(np.ones((count, 1), np.float32), [0] * count)
        assert (len(found.genuine), found.num_impostor, len(found.tail)) == (0, 0, 0)


@pytest.mark.parametrize(
    ('changes', 'named'),
    [
        ({'features': [[float('nan'), 1.0]] * 4}, 'features'),
        ({'features': [[1e30, 1e30]] * 4}, 'similarities'),
        ({'pids': [1, 2, 3]}, 'pids'),
        ({'camids': [0.5] * 4}, 'camids'),
        ({'tail_size': 0}, 'tail_size'),
        ({'chunk': 1.5}, 'chunk'),
    ],
)
def test_what_is_no_input(changes, named):
    given = {'features': np.eye(4, 2) + 1, 'pids': [0, 0, 1, 1], **changes}
    with pytest.raises(ValueError, match=named):
        pair_similarities(**given)
