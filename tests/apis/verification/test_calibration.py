"""Calibration: figures against scikit-learn and pyeer, and data that are too few or wrong."""

import dataclasses
import math

import numpy as np
import pytest
from pyeer.eer_stats import calculate_roc, get_eer_values
from sklearn.metrics import roc_curve

from msvitreid.apis import Embeddings
from msvitreid.apis.verification import CalibrationCard, calibrate
from msvitreid.errors import CalibrationError

from .made import made_embeddings

QUICK = {'fmr': 0.01, 'fnmr': 0.05, 'resamples': 50}


@pytest.fixture(scope='module')
def made():
    return made_embeddings()


@pytest.fixture(scope='module')
def card(made):
    return calibrate(*made, **QUICK)


def scores(made, cross=True):
    """Similarities of pairs of one identity, and of two."""
    found, pids, camids = made
    pids, camids = np.array(pids), np.array(camids)
    one, other = np.triu_indices(len(found), 1)
    similarity = (found.embeddings @ found.embeddings.T)[one, other]
    same = pids[one] == pids[other]
    genuine = same & (camids[one] != camids[other]) if cross else same
    return similarity[genuine], similarity[~same]


def test_counts(card):
    """Class of faults: pairs with itself, or of one camera, count as pairs of one identity."""
    data = card.data
    assert (data.images, data.identities, data.cameras) == (320, 40, ('door', 'stairs'))
    assert (data.genuine, data.genuine_pairs) == ('cross-camera', 40 * 16)
    assert data.impostor_pairs == 40 * 39 // 2 * 64


@pytest.mark.parametrize('cross', [True, False])
def test_rates_are_those_of_scikit_learn(made, cross):
    genuine, impostor = scores(made, cross)
    card = calibrate(*made, genuine='cross-camera' if cross else 'all', **QUICK)
    everything = np.concatenate([genuine, impostor])
    fpr, tpr, thresholds = roc_curve(
        np.arange(len(everything)) < len(genuine), everything, drop_intermediate=False
    )
    allowed = fpr <= 0.01
    assert card.fmr == pytest.approx(np.floor(0.01 * len(impostor)) / len(impostor))
    assert 1 - card.fnmr == pytest.approx(tpr[allowed].max())
    for point in card.det:
        # Similarities of other blocks are rounded otherwise.
        near = np.searchsorted(-thresholds, -point.threshold - 1e-6, side='right') - 1
        after = np.searchsorted(-thresholds, -point.threshold + 1e-6, side='right') - 1
        assert fpr[near] <= point.fmr <= fpr[after]
        assert 1 - tpr[after] - 1e-9 <= point.fnmr <= 1 - tpr[near] + 1e-9
    assert card.eer == pytest.approx(fpr[np.argmin(abs(fpr - 1 + tpr))], abs=2e-3)


def test_rates_are_those_of_pyeer(made, card):
    """Another implementation, of biometrics: the same FMR and FNMR at its thresholds."""
    thresholds, fmr, fnmr = calculate_roc(*(one.astype(float) for one in scores(made)))
    assert card.eer == pytest.approx(get_eer_values(fmr, fnmr)[3], abs=2e-3)
    place = np.searchsorted(thresholds, card.same_threshold - 1e-6)
    assert fmr[place] == pytest.approx(card.fmr, abs=3 / card.data.impostor_pairs)
    assert fnmr[place] == pytest.approx(card.fnmr, abs=3 / card.data.genuine_pairs)


def test_what_a_card_says_holds(made, card, tmp_path):
    genuine, _ = scores(made)
    assert 1 - card.fnmr_asked <= (genuine >= card.different_threshold - 1e-6).mean() < 1
    assert card.different_threshold <= card.same_threshold
    assert card.fmr_interval[0] < card.fmr < card.fmr_interval[1]
    assert card.fnmr_interval[0] <= card.fnmr <= card.fnmr_interval[1]
    assert card.threshold(0.01) == card.same_threshold
    assert card.threshold(0.1) < card.same_threshold < card.threshold(card.lowest_fmr)
    assert len(card.det) <= 200
    p = card.p_same(np.linspace(-1, 1, 50))
    assert (np.diff(p) >= 0).all()
    assert 0 < p[0] < 0.1
    assert 0.9 < p[-1] < 1
    assert 0 <= card.reliability.expected_error < 0.1
    card.save(tmp_path / 'card.json')
    assert CalibrationCard.load(tmp_path / 'card.json') == card


def test_the_same_data_give_the_same_card(made, card):
    found, pids, camids = made
    assert calibrate(found, pids, camids, **QUICK) == card
    # Whatever identities are called.
    numbers = calibrate(found, [int(pid[1:]) for pid in pids], camids, **QUICK)
    assert numbers.same_threshold == card.same_threshold
    assert numbers.data.digest != card.data.digest


def test_camera_pairs(made, card):
    """Class of faults: a rate of all cameras, which pairs of one camera exceed many times."""
    found, pids, camids = made
    by_name = {pair.cameras: pair for pair in card.camera_pairs}
    assert [*by_name] == [('door', 'door'), ('door', 'stairs'), ('stairs', 'stairs')]
    assert by_name['door', 'stairs'].genuine_pairs == 640
    assert by_name['door', 'door'].fnmr is None
    assert sum(pair.impostor_pairs for pair in card.camera_pairs) == card.data.impostor_pairs
    false = sum(pair.fmr * pair.impostor_pairs for pair in card.camera_pairs)
    assert false == pytest.approx(card.fmr * card.data.impostor_pairs)
    pids, camids = np.array(pids), np.array(camids)
    one, other = np.triu_indices(len(found), 1)
    chosen = (pids[one] != pids[other]) & (camids[one] == 'door') & (camids[other] == 'door')
    similarity = (found.embeddings @ found.embeddings.T)[one, other][chosen]
    assert by_name['door', 'door'].impostor_pairs == len(similarity)
    own = by_name['door', 'door'].threshold
    assert (similarity >= own + 1e-6).mean() <= 0.01 <= (similarity >= own - 1e-6).mean() + 1e-3


def test_galleries(card):
    """Class of faults: the false match rate of a pair, taken for that of a whole gallery."""
    sizes = [one.images for one in card.galleries]
    assert sizes == [10, 30, 100]
    rates = [one.fpir for one in card.galleries]
    assert rates[0] < rates[1] < rates[2]
    assert rates[2] > 10 * card.fmr
    assert [one.threshold for one in card.galleries] == sorted(
        one.threshold for one in card.galleries
    )
    for one in card.galleries:
        assert one.fpir_interval[0] <= one.fpir <= one.fpir_interval[1]


def test_an_image_that_is_there_twice_counts_once(made, card):
    """Class of faults: pairs of one image with itself, which are always "same"."""
    found, pids, camids = made
    twice = Embeddings(
        np.concatenate([found.embeddings, found.embeddings[:50]]),
        found.paths + found.paths[:50],
        {},
        found.fingerprint,
    )
    assert calibrate(twice, pids + pids[:50], camids + camids[:50], **QUICK) == card
    with pytest.raises(CalibrationError, match=r'0000\.jpg.*two identities'):
        calibrate(twice, [*pids, 'another', *pids[1:50]], camids + camids[:50], **QUICK)


def test_cameras_that_are_not_known(made):
    found, pids, camids = made
    card = calibrate(found, pids, **QUICK)
    assert (card.data.genuine, card.data.genuine_pairs) == ('all', 40 * 28)
    assert card.camera_pairs == ()
    partly = [None if i % 8 == 0 else camid for i, camid in enumerate(camids)]
    card = calibrate(found, pids, partly, **{**QUICK, 'fnmr': 0.1})
    assert card.data.genuine_pairs == 40 * 12


@pytest.mark.parametrize(
    ('changes', 'words'),
    [
        ({'fmr': 1e-4}, '300,000 pairs of two identities.*49,920|101 identities.*40'),
        ({'fmr': 1e-3}, '30,000|33 identities'),
        ({'fnmr': 0.01}, '3,000 pairs of one identity.*640'),
        ({'fmr': 0}, 'fmr'),
        ({'fmr': math.nan}, 'fmr'),
        ({'fmr': 2}, 'fmr'),
        ({'fnmr': '0.1'}, 'fnmr'),
        ({'fpir': True}, 'fpir'),
        ({'resamples': 0}, 'resamples'),
        ({'seed': -1}, 'seed'),
        ({'genuine': 'some'}, 'genuine'),
        ({'camids': None, 'genuine': 'cross-camera'}, 'camids'),
        ({'camids': ['door'] * 320}, '10 identities with two images in two cameras'),
        ({'camids': ['door']}, 'camids.*320'),
        ({'pids': [1.5] * 320}, 'pids'),
        ({'pids': [-1] * 320}, 'pids'),
        ({'pids': 'p' * 320}, 'pids'),
        ({'pids': list(range(320))}, 'two images'),
        ({'pids': [7] * 320}, 'identities'),
        ({'fingerprint': 'another'}, 'fingerprint'),
    ],
)
def test_what_is_wrong_or_too_little_is_said(made, changes, words):
    """Class of faults: a threshold from a handful of pairs, given as if it were known."""
    found, pids, camids = made
    given = {'pids': pids, 'camids': camids, **QUICK, **changes}
    if changes == {'fmr': 1e-3}:  # which these pairs just support, and 30 identities do not
        found = dataclasses.replace(
            found, embeddings=found.embeddings[:240], paths=found.paths[:240]
        )
        given.update(pids=pids[:240], camids=camids[:240])
    with pytest.raises(CalibrationError, match=words):
        calibrate(found, **given)


@pytest.mark.parametrize(
    'values', [np.full((320, 4), np.nan), np.zeros((320, 4)), np.ones((320, 4)), None, [1.0]]
)
def test_embeddings_that_are_none(made, values):
    _, pids, camids = made
    with pytest.raises(CalibrationError, match='embeddings'):
        calibrate(values, pids, camids, fingerprint='model', **QUICK)


def test_a_fingerprint_is_needed(made):
    found, pids, camids = made
    with pytest.raises(CalibrationError, match='fingerprint'):
        calibrate(found.embeddings, pids, camids, **QUICK)
