from __future__ import annotations

import random
from collections import defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from msvitreid.datasets.splitting import Crop, deal
from msvitreid.errors import ConfigError, DatasetError

SPLITS = ('train', 'query', 'gallery')


def people(count, cameras=('a', 'b'), images=2, start=0):
    """Crops of people, each with so many images of every camera."""
    return [
        Crop(f'{pid}/{camid}{image}.jpg', f'p{pid}', camid)
        for pid in range(start, start + count)
        for camid in cameras
        for image in range(images)
    ]


@st.composite
def crops_and_copies(draw):
    """Any crops: few images or many, cameras known or not, and files of the same bytes."""
    cameras = draw(st.sampled_from([('',), ('a', 'b'), ('a', 'b', 'c'), ('', 'a', 'b')]))
    crops = [
        Crop(f'{pid}/{number}.jpg', f'p{pid}', camid)
        for pid in range(draw(st.integers(0, 12)))
        for number, camid in enumerate(
            draw(st.lists(st.sampled_from(cameras), min_size=1, max_size=6))
        )
    ]
    paths = [crop.path for crop in crops]
    numbers = draw(st.lists(st.integers(0, 40), min_size=len(paths), max_size=len(paths)))
    groups = defaultdict(list)
    for path, number in zip(paths, numbers, strict=True):
        groups[number].append(path)
    return crops, [group for number, group in groups.items() if number < 3 and len(group) > 1]


@settings(max_examples=100, deadline=None)
@given(
    crops_and_copies(),
    st.floats(0.05, 0.95),
    st.integers(1, 4),
    st.sampled_from(['gallery', 'train']),
    st.integers(0, 2**40),
)
def test_what_holds_of_every_split(case, fraction, per_camera, single_images, seed):
    crops, copies = case
    options = dict(
        test_fraction=fraction,
        queries_per_camera=per_camera,
        single_images=single_images,
        seed=seed,
    )
    try:
        found = deal(crops, copies, **options)
    except DatasetError:
        return
    split_of = {crop.path: name for name in SPLITS for crop in getattr(found, name)}
    # Every image is in one split.
    assert sorted(split_of) == sorted(crop.path for crop in crops)
    assert sum(len(getattr(found, name)) for name in SPLITS) == len(crops)
    # Nobody is trained on and tested with, and there is something to learn and to find.
    trained = {crop.pid for crop in found.train}
    assert trained.isdisjoint(crop.pid for crop in (*found.query, *found.gallery))
    assert len(trained - set(found.single)) >= 2
    assert len({crop.pid for crop in found.query}) >= 2
    # A query finds a match of another camera, which is no copy of it.
    group_of = {path: min(group) for group in copies for path in group}
    for query in found.query:
        assert any(
            image.pid == query.pid
            and (query.camid == '' or image.camid != query.camid)
            and group_of.get(image.path, image.path) != group_of.get(query.path, query.path)
            for image in found.gallery
        )
    taken = defaultdict(int)
    for query in found.query:
        taken[query.pid, query.camid] += 1
    assert max(taken.values()) <= per_camera
    for group in copies:
        assert len({split_of[path] for path in group}) == 1
    # The order of the images says nothing.
    shuffled = list(crops)
    random.Random(seed).shuffle(shuffled)
    assert deal(shuffled, [group[::-1] for group in copies[::-1]], **options) == found


@pytest.mark.parametrize(('fraction', 'tested'), [(0.3, 15), (0.5, 25), (0.01, 2)])
def test_the_fraction_is_that_of_the_identities_to_test_with(fraction, tested):
    found = deal(people(50), test_fraction=fraction)
    assert len({crop.pid for crop in found.query}) == tested
    assert len({crop.pid for crop in found.train}) == 50 - tested


def test_another_seed_gives_another_split_and_a_new_identity_moves_few():
    before = deal(people(40))
    assert deal(people(40)) == before
    assert deal(people(40), seed=1).train != before.train
    after = deal(people(41))
    moved = {crop.pid for crop in before.train} ^ {crop.pid for crop in after.train}
    assert len(moved - {'p40'}) <= 1


def test_queries_are_of_every_camera():
    found = deal(people(10, cameras=('a', 'b', 'c'), images=4), queries_per_camera=1)
    pid = found.query[0].pid
    assert [crop.camid for crop in found.query if crop.pid == pid] == ['a', 'b', 'c']
    assert len([crop for crop in found.gallery if crop.pid == pid]) == 9


def test_identities_with_one_image_are_distractors_or_trained_on():
    crops = people(6) + people(3, cameras=('a',), images=1, start=6)
    found = deal(crops)
    assert found.single == ('p6', 'p7', 'p8')
    assert {'p6', 'p7', 'p8'} <= {crop.pid for crop in found.gallery}
    found = deal(crops, single_images='train')
    assert {'p6', 'p7', 'p8'} <= {crop.pid for crop in found.train}


def test_identities_of_one_camera_are_trained_on():
    found = deal(people(6) + people(2, cameras=('a',), images=5, start=6))
    assert found.unmatched == ('p6', 'p7')
    assert {'p6', 'p7'} <= {crop.pid for crop in found.train}


def test_identities_that_share_a_file_stay_together():
    crops = people(20)
    for seed in range(20):
        found = deal(crops, [['3/a0.jpg', '11/b1.jpg']], seed=seed)
        assert found.linked == (('p11', 'p3'),)
        assert len({'p3', 'p11'} & {crop.pid for crop in found.train}) in (0, 2)


def test_copies_of_one_image_are_one_image():
    copies = [['6/a0.jpg', '6/a1.jpg', '6/b0.jpg']]
    crops = [crop for crop in people(7) if crop.path != '6/b1.jpg']
    assert deal(crops, copies).single == ('p6',)


@pytest.mark.parametrize(
    'crops',
    [
        [],
        people(3),
        people(8, cameras=('a',)),
        people(8, cameras=('',), images=1),
        people(3) + people(20, cameras=('a',), images=1, start=3),
    ],
    ids=['none', 'three', 'one camera', 'one image each', 'three and singles'],
)
def test_too_few_identities(crops):
    with pytest.raises(DatasetError, match='too few to split'):
        deal(crops)


def test_identities_that_all_share_a_file_cannot_be_split():
    copies = [[f'{pid}/a0.jpg' for pid in range(8)]]
    with pytest.raises(DatasetError, match='same bytes'):
        deal(people(8), copies)


@pytest.mark.parametrize(
    'option',
    [
        {'test_fraction': 0},
        {'test_fraction': 1.0},
        {'test_fraction': float('nan')},
        {'test_fraction': True},
        {'queries_per_camera': 0},
        {'queries_per_camera': 1.5},
        {'single_images': 'query'},
        {'seed': -1},
    ],
    ids=str,
)
def test_bad_options(option):
    with pytest.raises(ConfigError, match=next(iter(option))):
        deal(people(8), **option)
