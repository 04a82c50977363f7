"""Class of faults: a proposal that is none, or one that a person has decided about already."""

import threading
import time

import numpy as np
import pytest

from msvitreid.errors import ConfigError
from msvitreid.gallery import create_gallery
from msvitreid.serving.limits import BusyError
from msvitreid.serving.review.background import Background
from msvitreid.serving.review.groups import find_groups, open_groups
from msvitreid.serving.review.labels import labels
from msvitreid.serving.review.outliers import find_outliers

from .states import state_of


@pytest.fixture
def gallery_of(tmp_path):
    opened = []

    def gallery_of(**images):
        """``name=(degrees, pid)`` of unit vectors in a plane."""
        angles = np.radians([angle for angle, _ in images.values()])
        vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
        gallery = create_gallery(tmp_path / f'g{len(opened)}', 2, '0' * 64)
        metadata = [{} if pid is None else {'pid': pid} for _, pid in images.values()]
        gallery.add([*images], vectors, metadata)
        opened.append(gallery)
        return gallery

    yield gallery_of
    for gallery in opened:
        gallery.close()


def by_id(found):
    return {one.id: one for one in found}


def test_an_image_that_is_far_from_its_identity_is_an_outlier(gallery_of):
    """Expected: x at 60 degrees has a mean of cos 60, 50, 58: the others at least cos 10."""
    gallery = gallery_of(a=(0, 1), b=(10, 1), c=(2, 1), x=(60, 1), y=(170, 2), z=(180, 2))
    (one,) = find_outliers(gallery, state_of())
    mean = np.cos(np.radians([60, 50, 58])).mean()
    assert (one.id, one.images, one.own_id) == ('x', 4, 'b')
    assert one.mean == pytest.approx(mean, abs=1e-6)
    assert one.own == pytest.approx(np.cos(np.radians(50)), abs=1e-6)
    assert one.others == pytest.approx(np.cos(np.radians(10)), abs=1e-6)
    assert one.margin == pytest.approx(np.cos(np.radians(10)) - mean, abs=1e-6)
    assert (one.is_apart, one.is_nearer) == (True, False)
    assert find_outliers(gallery, state_of('detached x 1')) == []
    assert find_outliers(gallery, state_of('aside x bad')) == []


def test_an_image_that_is_nearer_to_another_identity_is_one(gallery_of):
    gallery = gallery_of(a=(0, 'p'), b=(30, 'p'), c=(40, 'q'), d=(75, 'q'), single=(130, 'r'))
    found = by_id(find_outliers(gallery, state_of()))
    assert set(found) == {'b', 'c'}
    assert (found['b'].other_id, found['c'].other_id) == ('c', 'b')
    assert found['b'].is_nearer
    assert not found['b'].is_apart
    assert found['b'].others is None
    assert {one.id for one in find_outliers(gallery, state_of('b / c'))} == set()
    assert found['b'].margin == pytest.approx(np.cos(np.radians(10)) - np.cos(np.radians(30)))


def test_with_a_card_pairs_below_its_threshold_are_outliers(gallery_of):
    gallery = gallery_of(a=(0, 1), b=(40, 1), c=(90, 2), d=(95, 2))
    assert find_outliers(gallery, state_of()) == []
    found = find_outliers(gallery, state_of(), same_threshold=0.9)
    assert [one.id for one in found] == ['a', 'b']
    assert found[0].margin == pytest.approx(0.9 - np.cos(np.radians(40)), abs=1e-6)


def test_identities_are_those_of_marks_and_of_the_gallery():
    recorded = [('a', '1'), ('b', '1'), ('c', '2'), ('d', None), ('e', None), ('f', '3')]
    found = labels(state_of('b = c', 'e = U1', 'detached f 3'), recorded)
    assert found['a'] == found['b'] == found['c']
    assert set(found) == {'a', 'b', 'c', 'e'}
    assert labels(state_of(), [('x', None)]) == {}


def test_groups_are_clusters_that_nobody_decided_about(gallery_of):
    places = dict(a=0, b=4, c=8, d=90, e=92, f=180, g=182, alone=270)
    gallery = gallery_of(**{name: (angle, None) for name, angle in places.items()})
    shares = []
    groups = find_groups(gallery, 0.99, shares.append)
    assert groups == [['a', 'b', 'c'], ['d', 'e'], ['f', 'g']]
    assert shares == [0]

    def still_open(*texts):
        return open_groups(groups, state_of(*texts), gallery, 0.99)

    assert still_open() == groups
    assert still_open('d = e', 'aside f bad') == [['a', 'b', 'c']]
    # The mark parts a from c; b, which is as near to both, is proposed with one of them.
    assert still_open('a / c', 'd = e', 'f = g') == [['a', 'b']]
    assert still_open('a / b', 'd = e', 'f = g') == [['b', 'c']]
    assert still_open('a = b', 'b / c', 'd = e', 'f = g') == []
    # Through identities: d is e's, and e differs from f.
    assert still_open('a = b', 'b = c', 'd = x', 'x / e', 'f = g') == []


def test_a_group_that_nobody_can_look_at_is_not_proposed(gallery_of, monkeypatch):
    """Taking one of 100,000 images apart took 80 GB."""
    gallery = gallery_of(a=(0, None), b=(1, None), c=(2, None))
    groups = [['a', 'b', 'c']]
    assert open_groups(groups, state_of(), gallery, 0.9) == groups
    monkeypatch.setattr('msvitreid.serving.review.groups.MOST_IMAGES', 2)
    assert open_groups(groups, state_of(), gallery, 0.9) == []
    assert open_groups(groups, state_of('aside c bad'), gallery, 0.9) == [['a', 'b']]


def test_a_result_is_computed_once_and_its_progress_is_told():
    background, go, calls = Background(), threading.Event(), []

    def compute(report):
        calls.append(1)
        report(0.5)
        assert go.wait(30)
        return 'result'

    assert background.ask('key', compute).result is None
    while background.ask('key', compute).share != 0.5:
        time.sleep(0.001)
    go.set()
    while background.ask('key', compute).result is None:
        time.sleep(0.001)
    assert background.ask('key', compute) == (1, 'result')
    assert calls == [1]
    background.ask('key', compute, is_fresh=True)
    while background.ask('key', compute).result is None:
        time.sleep(0.001)
    assert calls == [1, 1]
    background.close()


def test_what_a_computation_raises_is_raised_and_it_can_be_tried_again():
    background, fails = Background(), [True, False]

    def compute(report):
        if fails.pop(0):
            raise ConfigError('a reason')
        return 1

    def wait():
        while (job := background.ask('key', compute)).result is None:
            time.sleep(0.001)
        return job

    with pytest.raises(ConfigError, match='a reason'):
        wait()
    assert wait().result == 1
    background.close()


def test_computations_that_wait_are_limited():
    background, go = Background(), threading.Event()

    def compute(report):
        return go.wait(30)

    for key in range(4):
        background.ask(key, compute)
    with pytest.raises(BusyError, match='4 results'):
        background.ask(4, compute)
    assert background.ask(3, compute).result is None
    go.set()
    background.close()


def test_closing_ends_a_computation_at_its_next_report():
    background, begun = Background(), threading.Event()

    def compute(report):
        while True:
            begun.set()
            report(0.1)

    background.ask('key', compute)
    assert begun.wait(30)
    background.close()
