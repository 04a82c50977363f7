"""Decisions about images: thresholds, other models, cameras and sizes of galleries."""

import dataclasses
import math

import numpy as np
import pytest

from msvitreid.apis import ReIDInferencer
from msvitreid.apis.verification import Verifier
from msvitreid.apis.verification.card import DetPoint
from msvitreid.demo.drawn import make_synthetic
from msvitreid.errors import CalibrationError, ConfigError, DatasetError
from msvitreid.gallery import create_gallery
from tests.apis.tiny_model import write_tiny_model

from .sample_card import sample_card


@pytest.fixture(scope='module')
def inferencer(tmp_path_factory):
    return ReIDInferencer(write_tiny_model(tmp_path_factory.mktemp('model')), device='cpu')


@pytest.fixture(scope='module')
def images(tmp_path_factory):
    """Eight drawn images of four identities."""
    root = tmp_path_factory.mktemp('drawn') / 'set'
    counts = dict(num_train_ids=2, num_test_ids=4, num_cams=2, images_per_id=2)
    make_synthetic(root, **counts, gallery_per_id=2, queries_per_id=1, size=(96, 40), workers=1)
    return sorted(map(str, (root / 'Occluded_Duke' / 'bounding_box_test').glob('*.jpg')))


@pytest.fixture(scope='module')
def card(inferencer):
    return sample_card(fingerprint=inferencer.fingerprint)


@pytest.fixture(scope='module')
def verifier(inferencer, card):
    return Verifier(inferencer, card)


def similarities(inferencer, images):
    unit = inferencer(images)
    return unit @ unit.T


def test_two_images(inferencer, card, images):
    """The three answers, by thresholds on both sides of one pair's similarity."""
    value = float(similarities(inferencer, images[:2])[0, 1])
    for same, different, answer in (
        (value - 0.01, value - 0.1, 'same'),
        (value + 0.01, value - 0.01, 'cannot tell'),
        (value + 0.1, value + 0.01, 'different'),
    ):
        changed = dataclasses.replace(card, same_threshold=same, different_threshold=different)
        found = Verifier(inferencer, changed).compare(*images[:2])
        assert found.answer == answer
        assert found.similarity == pytest.approx(value, abs=1e-6)
        assert (found.same_threshold, found.different_threshold) == (same, different)
        assert found.p_same == pytest.approx(float(card.p_same(value)), abs=1e-5)
        assert (found.fmr, found.fmr_interval) == (0.0009, (0.0004, 0.002))
        assert found.warnings == []


def test_a_similarity_alone(verifier):
    """Expected of thresholds 0.7 and 0.4; rounding beyond 1 is cut off."""
    answers = [verifier.decide(value).answer for value in (1.0001, 0.7, 0.69, 0.4, 0.39, -1)]
    assert answers == ['same'] * 2 + ['cannot tell'] * 2 + ['different'] * 2
    assert verifier.decide(1.0001).similarity == 1
    assert 'door and roof' in verifier.decide(0, ('door', 'roof')).warnings[0]


def test_many_pairs_are_the_single_ones_and_embed_once(inferencer, card, images, monkeypatch):
    """Class of faults: answers in another order than the pairs."""
    verifier = Verifier(inferencer, card)
    pairs = [(images[i], images[j]) for i, j in [(0, 1), (1, 0), (3, 2), (0, 7), (5, 5)]]
    single = [verifier.compare(*pair) for pair in pairs]
    given = []
    embed = inferencer.embed
    monkeypatch.setattr(
        inferencer,
        'embed',
        lambda found, *a, **k: given.append(len(found)) or embed(found, *a, **k),
    )
    many = verifier.compare_many(pairs)
    assert given == [6]
    for one, other in zip(single, many, strict=True):
        assert one.answer == other.answer
        assert one.similarity == pytest.approx(other.similarity, abs=1e-5)
    assert many[4].similarity == pytest.approx(1)
    assert many[4].warnings == ['both images are the same file']
    assert verifier.compare_many([]) == []


def test_arrays_need_their_color(verifier, images):
    array = np.full((64, 32, 3), 90, np.uint8)
    with pytest.raises(ConfigError, match='color'):
        verifier.compare(array, images[0])
    assert -1 <= verifier.compare(array, images[0], color='rgb').similarity <= 1


def test_a_card_of_another_model_is_refused(inferencer, tmp_path):
    """Class of faults: a threshold of one model decides about similarities of another."""
    with pytest.raises(CalibrationError, match='fingerprint of the model'):
        Verifier(inferencer, sample_card())
    sample_card().save(tmp_path / 'card.json')
    with pytest.raises(CalibrationError, match='fingerprint of the model'):
        Verifier(inferencer, tmp_path / 'card.json')


@pytest.mark.parametrize('prior', [0, 1, math.nan, 'half'])
def test_a_prior_that_is_none(inferencer, card, prior):
    with pytest.raises(CalibrationError, match='prior'):
        Verifier(inferencer, card, prior)


@pytest.mark.parametrize(
    ('cameras', 'warning'),
    [
        (('stairs', 'door'), None),
        (('door', 'door'), 'too few pairs'),
        (('door', 'roof'), 'not in the card'),
    ],
)
def test_cameras_that_the_card_does_not_know(verifier, images, cameras, warning):
    found = verifier.compare(*images[:2], cameras=cameras).warnings
    assert [warning in one for one in found] == ([True] if warning else [])


def test_cameras_with_more_false_matches(inferencer, card, images):
    pair = dataclasses.replace(card.camera_pairs[1], fmr=0.02)
    changed = dataclasses.replace(card, camera_pairs=(pair,))
    found = Verifier(inferencer, changed).compare(*images[:2], cameras=('door', 'stairs'))
    assert '0.02' in found.warnings[0]


def test_what_is_no_pair(verifier, images, tmp_path):
    for pairs in ([images[0]], [tuple(images[:3])], [3]):
        with pytest.raises(CalibrationError, match=r'pairs\[0\]'):
            verifier.compare_many(pairs)
    for cameras in ('door', ('door',), ('a', 'b', 'c')):
        with pytest.raises(CalibrationError, match='cameras'):
            verifier.compare(*images[:2], cameras=cameras)
    with pytest.raises(CalibrationError, match='cameras'):
        verifier.compare_many([images[:2]], cameras=[])
    with pytest.raises(CalibrationError, match='two images'):
        verifier.compare(images[0].rpartition('/')[0], images[0])
    with pytest.raises(DatasetError, match=r'none\.jpg'):
        verifier.compare(images[0], str(tmp_path / 'none.jpg'))


@pytest.mark.parametrize(
    ('size', 'fpir', 'threshold', 'warnings'),
    [
        (5, None, 0.65, []),
        (10, None, 0.65, []),
        (11, None, 0.72, []),
        (100, 0.05, 0.72, []),
        # 1 - (1 - 0.0005) ** 101 is 0.049.
        (101, None, 0.75, ['more than the 100']),
        (1000, None, 0.75, ['more than the 100', 'too few pairs']),
        # Rates that were not measured: 1 - (1 - 0.01) ** 10 is 0.096.
        (10, 0.1, 0.6, []),
        (10, 0.09, 0.7, []),
        (10, 1e-6, 0.75, ['too few pairs']),
    ],
)
def test_a_threshold_for_the_size_of_the_gallery(verifier, size, fpir, threshold, warnings):
    """Class of faults: the threshold of a pair, for a search that compares a thousand times."""
    found, said = verifier.threshold_for(size, fpir)
    assert found == threshold
    assert [one in other for one, other in zip(warnings, said, strict=True)] == [True] * len(
        warnings
    )


def test_a_larger_gallery_has_no_lower_threshold(inferencer, card):
    """Class of faults: a threshold that falls with the size by chance of the draws."""
    small, large = card.galleries
    swapped = (
        dataclasses.replace(small, threshold=0.74),
        dataclasses.replace(large, threshold=0.7),
    )
    verifier = Verifier(inferencer, dataclasses.replace(card, galleries=swapped))
    assert [verifier.threshold_for(size)[0] for size in (10, 50, 101)] == [0.74, 0.74, 0.75]


def test_a_card_without_measured_galleries(inferencer, card):
    verifier = Verifier(inferencer, dataclasses.replace(card, galleries=()))
    assert verifier.threshold_for(1) == (
        0.4,
        ['the gallery has 1 images, more than the 0 of the largest one that the card measured'],
    )


@pytest.fixture
def gallery(tmp_path, inferencer, images):
    store = create_gallery(tmp_path / 'g', inferencer.dimension, inferencer.fingerprint)
    unit = inferencer(images)
    store.add(images[:6], unit[:6], [{'pid': f'p{i // 2}'} for i in range(6)])
    with store:
        yield store


def test_known_and_new(inferencer, card, gallery, images):
    """Class of faults: the nearest image is an answer, however unlike."""
    table = similarities(inferencer, images)
    best = float(table[7, :6].max())
    sizes = (dataclasses.replace(card.galleries[0], threshold=best + 1e-3),)
    verifier = Verifier(inferencer, dataclasses.replace(card, galleries=sizes))
    known, new = verifier.identify(gallery, [images[2], images[7]], k=2)
    assert (known.answer, known.id, known.identity) == ('known', images[2], 'p1')
    assert known.similarity == pytest.approx(1)
    assert known.candidates[0].id == images[2]
    assert len(known.candidates) <= 2
    assert (new.answer, new.id, new.identity, new.candidates) == ('new', None, None, [])
    assert new.similarity == pytest.approx(best, abs=1e-5)
    assert new.query == images[7]
    assert new.threshold == best + 1e-3
    # Embeddings that are there already.
    embedded = inferencer.embed([images[2], images[7]])
    assert [one.answer for one in verifier.identify(gallery, embedded)] == ['known', 'new']
    excluded = verifier.identify(gallery, images[2], where={'pid': ['p0', 'p2']})[0]
    assert excluded.id != images[2]


def test_an_empty_gallery(verifier, gallery, images):
    gallery.remove(images[:6])
    found = verifier.identify(gallery, images[0])[0]
    assert (found.answer, found.similarity, found.candidates) == ('new', None, [])


def test_galleries_and_queries_of_another_model(
    verifier, inferencer, gallery, images, tmp_path
):
    other = create_gallery(tmp_path / 'other', inferencer.dimension, 'cd' * 32)
    with other, pytest.raises(CalibrationError, match='fingerprint of the gallery'):
        verifier.identify(other, images[0])
    queries = dataclasses.replace(inferencer.embed(images[0]), fingerprint='cd' * 32)
    with pytest.raises(CalibrationError, match='fingerprint of the queries'):
        verifier.identify(gallery, queries)


@pytest.mark.parametrize('fpir', [0, 1, -0.1, math.nan, '0.1'])
def test_a_rate_that_is_none(verifier, fpir):
    with pytest.raises(CalibrationError, match='fpir'):
        verifier.threshold_for(10, fpir)


@pytest.mark.parametrize('size', [0, -1, 1.5])
def test_a_size_that_is_none(verifier, size):
    with pytest.raises(ConfigError, match='size'):
        verifier.threshold_for(size)


def test_a_table_that_ends_above_what_pairs_support(card):
    changed = dataclasses.replace(card, det=(DetPoint(-1.0, 1.0, 0.0), DetPoint(0.5, 0.3, 0.1)))
    assert changed.lowest_fmr == 0.3
    with pytest.raises(CalibrationError, match=r'0\.3'):
        changed.threshold(0.2)
