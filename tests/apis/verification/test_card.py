"""The calibration card: thresholds at rates, and files that are damaged or hostile."""

import copy
import json
import math
import re

import numpy as np
import pytest

from msvitreid.apis.verification import CalibrationCard
from msvitreid.errors import CalibrationError, OutputError

from .sample_card import sample_card


def test_a_card_survives_its_file(tmp_path):
    card = sample_card()
    card.save(tmp_path / 'card.json')
    assert CalibrationCard.load(tmp_path / 'card.json') == card
    assert json.loads((tmp_path / 'card.json').read_text())['format'] == 1


@pytest.mark.parametrize(
    ('fmr', 'threshold'), [(None, 0.7), (1e-3, 0.7), (0.01, 0.6), (0.03, 0.6), (1, -1.0)]
)
def test_the_lowest_threshold_not_above_a_rate(fmr, threshold):
    """Class of faults: a threshold whose false match rate is above the one asked for."""
    assert sample_card().threshold(fmr) == threshold


def test_a_rate_that_the_pairs_do_not_support_is_refused():
    """Class of faults: a threshold at a rate at which the data have a handful of errors."""
    card = sample_card()
    assert card.lowest_fmr == 30 / 60_000
    assert card.threshold(30 / 60_000) == 0.75
    with pytest.raises(CalibrationError, match=r'0\.0005.* 75,000 pairs'):
        card.threshold(4e-4)


@pytest.mark.parametrize('fmr', [0, -1, 1.5, math.nan, '1e-3', True, np.inf])
def test_a_rate_that_is_none_is_refused(fmr):
    with pytest.raises(CalibrationError, match='fmr'):
        sample_card().threshold(fmr)


def test_probabilities_follow_the_prior():
    """Class of faults: p of a balanced calibration where one pair in a thousand is genuine."""
    card = sample_card()
    assert card.p_same([0.1, 0.35, 0.5, 0.9]) == pytest.approx([0, 0.25, 0.5, 1])
    assert card.p_same(0.5, prior=0.001) == pytest.approx(0.001)
    with pytest.raises(CalibrationError, match='prior'):
        card.p_same(0.5, prior=1)


def changed(path, value):
    """The sample's plain values with one of them changed; ``...`` removes it."""
    card = copy.deepcopy(json.loads(json.dumps(sample_card().to_dict())))
    *parents, last = path
    node = card
    for key in parents:
        node = node[key]
    if value is ...:
        del node[last]
    else:
        node[last] = value
    return card


HOSTILE = [
    (['format'], 2),
    (['format'], ...),
    (['fingerprint'], 7),
    (['fingerprint'], ''),
    (['fingerprint'], ['ab']),
    (['fingerprint'], 'a' * 100_000),
    (['same_threshold'], '0.7'),
    (['same_threshold'], True),
    (['same_threshold'], None),
    (['same_threshold'], 7),
    (['different_threshold'], 0.8),
    (['fmr'], -0.1),
    (['fmr'], 0.01),
    (['fmr_asked'], 0),
    (['fmr_interval'], [0.2, 0.1]),
    (['fmr_interval'], [0.1]),
    (['fnmr'], ...),
    (['det'], []),
    (['det', 1, 'fmr'], 1e-4),
    (['det', 3, 'fnmr'], 0.0),
    (['det', 1, 'threshold'], -1.0),
    (['det', 1, 'extra'], 1),
    (['det', 1], 3),
    (['extra'], 1),
    (['data', 'digest'], '0' * 63),
    (['data', 'impostor_pairs'], 0),
    (['data', 'impostor_pairs'], 1.5),
    (['data', 'impostor_pairs'], 10**30),
    (['data', 'genuine'], 'some'),
    (['data', 'cameras'], ['stairs', 'door']),
    (['probability', 1, 0], 0.1),
    (['probability', 1, 1], -0.5),
    (['probability', 2, 1], 0.1),
    (['probability'], {}),
    (['reliability', 'bins', 0, 'pairs'], 'many'),
    (['camera_pairs', 0, 'cameras'], ['door', 'roof']),
    (['camera_pairs', 1, 'cameras'], ['stairs', 'door']),
    (['camera_pairs', 1, 'cameras'], ['door', 'door']),
    (['galleries', 1, 'images'], 10),
    (['versions', 'msvitreid'], 1),
]


@pytest.mark.parametrize(
    ('path', 'value', 'sentence'),
    [
        (['format'], 2, 'card.format is 2, but must be 1'),
        (['det', 1, 'threshold'], -1.0, 'card.det.1.threshold is -1.0, but must be above'),
        (['probability', 1, 0], 0.1, 'card.probability.1.0 is 0.1, but must be above'),
        (['probability', 2, 1], 0.1, 'card.probability.2.1 is 0.1, but must be at least'),
        (['galleries', 1, 'images'], 10, 'card.galleries.1.images is 10'),
        (['data', 'cameras'], ['stairs', 'door'], "card.data.cameras.1 is 'door'"),
        (['det', 1, 'extra'], 1, 'card.det.1.extra is 1, but must be left out'),
        (['data', 'genuine'], 'some', "must be 'cross-camera' or 'all'"),
    ],
)
def test_the_key_is_the_one_in_the_file(path, value, sentence, tmp_path):
    """Class of faults: a sentence names a key that the file does not have."""
    file = tmp_path / 'card.json'
    file.write_text(json.dumps(changed(path, value)))
    with pytest.raises(CalibrationError, match=re.escape(sentence)):
        CalibrationCard.load(file)


@pytest.mark.parametrize(('path', 'value'), HOSTILE)
def test_a_wrong_value_is_named(path, value, tmp_path):
    """Class of faults: a card is taken at its word, and decides."""
    file = tmp_path / 'card.json'
    file.write_text(json.dumps(changed(path, value)))
    key = next(str(one) for one in reversed(path) if isinstance(one, str))
    with pytest.raises(CalibrationError, match=f'card.json.*{key}'):
        CalibrationCard.load(file)


@pytest.mark.parametrize(
    'content',
    [
        '',
        'nonsense',
        '[]',
        '1',
        'null',
        '{"format": 1, "format": 1}',
        '{"format": NaN}',
        '[' * 100_000,
        '9' * 100_000,
        '\ud800',
    ],
)
def test_what_is_no_card_is_one_sentence(content, tmp_path):
    file = tmp_path / 'card.json'
    file.write_text(content, errors='surrogatepass')
    with pytest.raises(CalibrationError, match=r'card\.json'):
        CalibrationCard.load(file)


@pytest.mark.parametrize('number', ['NaN', '1e400', 'Infinity', '-1e400', '9' * 5000])
def test_numbers_that_are_not_finite(number, tmp_path):
    file = tmp_path / 'card.json'
    text = json.dumps(sample_card().to_dict())
    assert '"same_threshold": 0.7' in text
    file.write_text(text.replace('"same_threshold": 0.7', f'"same_threshold": {number}'))
    with pytest.raises(CalibrationError, match=r'card\.json'):
        CalibrationCard.load(file)


def test_files_that_are_huge_or_no_files_are_not_read(tmp_path):
    huge = tmp_path / 'huge.json'
    with huge.open('wb') as file:
        file.truncate(2**40)
    with pytest.raises(CalibrationError, match=r'missing\.json.*msvitreid calibrate'):
        CalibrationCard.load(tmp_path / 'missing.json')
    for path in (huge, tmp_path, '/dev/zero', 'a\0b'):
        with pytest.raises(CalibrationError, match='cannot be used'):
            CalibrationCard.load(path)


def test_a_card_that_could_not_be_read_is_not_written(tmp_path):
    """Class of faults: a file under its name that is half written or of no use."""
    with pytest.raises(CalibrationError, match=r'cannot be written: card\.fmr is nan'):
        sample_card(fmr=math.nan).save(tmp_path / 'card.json')
    with pytest.raises(OutputError):
        sample_card().save(tmp_path / 'none' / 'card.json')
    assert list(tmp_path.iterdir()) == []
