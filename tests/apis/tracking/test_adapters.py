"""Embeddings reach the box they are of; class of faults: they are taken by position."""

import sys

import numpy as np
import pytest

from msvitreid.apis.tracking import (
    add_norfair_embeddings,
    deep_sort_inputs,
    norfair_distance,
    ultralytics_encoder,
)
from msvitreid.errors import DatasetError

from .stand_ins import Botsort, DeepSort, Detection, TrackedObject


def test_deep_sort_drops_a_box_without_area_and_no_embedding_moves(encoder, frame):
    raw = [
        ([10, 10, 0, 40], 0.9, 'flat'),
        ([0, 0, 30, 60], 0.8, 'first'),
        ([500, 0, 30, 60], 0.8, 'outside'),
        ([50, 20, 30, 70], 0.7, 'second'),
        ([np.nan, 0, 3, 3], 0.7, 'nan'),
    ]
    detections, embeds = deep_sort_inputs(encoder, raw, frame)
    tracks = dict(DeepSort().update_tracks(detections, embeds=embeds))
    assert list(tracks) == ['first', 'outside', 'second']
    expected = encoder.get_features([[0, 0, 30, 60], [50, 20, 80, 90]], frame)
    np.testing.assert_allclose(tracks['first'], expected[0], atol=1e-5)
    np.testing.assert_allclose(tracks['second'], expected[1], atol=1e-5)
    assert deep_sort_inputs(encoder, [], frame) == ([], [])


@pytest.mark.parametrize('raw', [[7], [()], [([1, 2, 3], 0.5, 'a')], [({'a': 1}, 0.5, 'a')]])
def test_detections_that_are_none(raw, encoder, frame):
    with pytest.raises(DatasetError, match=r'detection|boxes'):
        deep_sort_inputs(encoder, raw, frame)


def test_norfair(encoder, frame):
    def detection(left, top):
        return Detection([[left, top], [left + 30, top + 60]])

    given = [detection(0, 0), detection(500, 500), detection(50, 20), detection(0, 0)]
    add_norfair_embeddings(encoder, given, frame)
    first, outside, other, again = given
    assert outside.embedding is None
    assert norfair_distance(TrackedObject(first), TrackedObject(again)) == pytest.approx(
        0, abs=1e-5
    )
    apart = norfair_distance(TrackedObject(first), TrackedObject(other))
    assert apart == pytest.approx(1 - first.embedding @ other.embedding, abs=1e-6)
    # The nearest past detection counts, and there may be none.
    assert norfair_distance(TrackedObject(first, other), TrackedObject(again, outside)) < apart
    assert norfair_distance(TrackedObject(outside), TrackedObject(first)) == 2
    nothing = TrackedObject(outside)
    nothing.past_detections = []
    assert norfair_distance(nothing, nothing) == 2
    add_norfair_embeddings(encoder, [], frame)
    with pytest.raises(DatasetError, match=r'\[1\].*\(1, 2\)'):
        add_norfair_embeddings(encoder, [first, Detection([[1, 2]])], frame)


def test_ultralytics(encoder, frame):
    tracker = Botsort(ultralytics_encoder(encoder))
    found = tracker.init_track(np.array([[15, 30, 30, 60], [65, 55, 30, 70.0]]), frame)
    expected = encoder.get_features([[0, 0, 30, 60], [50, 20, 80, 90]], frame)
    np.testing.assert_allclose(np.stack(found), expected, atol=1e-5)
    assert ultralytics_encoder(encoder)(frame, np.zeros((0, 5))) == []
    with pytest.raises(DatasetError, match='boxes'):
        ultralytics_encoder(encoder)(frame, np.zeros((2, 3)))


def test_no_tracking_package_is_imported():
    names = {name.partition('.')[0] for name in sys.modules}
    assert not names & {'boxmot', 'ultralytics', 'norfair', 'deep_sort_realtime'}
