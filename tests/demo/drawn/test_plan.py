from __future__ import annotations

import re
from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from msvitreid.demo.drawn.plan import GALLERY, QUERY, TRAIN, Parameters, Picture, plan_identity
from msvitreid.errors import ConfigError

DEFAULT = {
    'num_train_ids': 5,
    'num_test_ids': 4,
    'num_cams': 3,
    'images_per_id': 6,
    'gallery_per_id': 5,
    'queries_per_id': 4,
    'occluded_share': 0.3,
    'size': (128, 64),
    'seed': 0,
}


@given(
    seed=st.integers(0, 2**40),
    num_cams=st.integers(2, 20),
    gallery_per_id=st.integers(2, 20),
    queries_per_id=st.integers(1, 20),
)
def test_every_query_has_a_gallery_match_by_another_camera(
    seed: int, num_cams: int, gallery_per_id: int, queries_per_id: int
) -> None:
    options = DEFAULT | {
        'seed': seed,
        'num_cams': num_cams,
        'gallery_per_id': gallery_per_id,
        'queries_per_id': queries_per_id,
    }
    pictures = plan_identity(Parameters(**options), pid=6)
    queries = [picture for picture in pictures if picture.folder == QUERY]
    gallery = [picture for picture in pictures if picture.folder == GALLERY]
    assert (len(queries), len(gallery)) == (queries_per_id, gallery_per_id)
    assert len(queries) + len(gallery) == len(pictures)
    for query in queries:
        assert 1 <= query.camid <= num_cams
        assert any(other.camid != query.camid for other in gallery)
    assert len({picture.frame for picture in pictures}) == len(pictures)


def test_training_identities_have_training_pictures_only() -> None:
    pictures = plan_identity(Parameters(**DEFAULT), pid=5)
    assert [picture.folder for picture in pictures] == [TRAIN] * 6


def test_names_are_occluded_dukes() -> None:
    name = Picture(
        QUERY,
        12,
        3,
        4567,
    ).name
    assert name == '0012_c3_f0004567.jpg'
    assert re.match(r'^(-?\d+)_c(\d+)', name).groups() == ('0012', '3')


def test_statistics_count_the_plan() -> None:
    parameters = Parameters(**DEFAULT)
    pictures = [p for pid in range(1, 10) for p in plan_identity(parameters, pid)]
    assert asdict(parameters.statistics()) == {
        'train_ids': 5,
        'test_ids': 4,
        'cams': 3,
        'train_images': sum(picture.folder == TRAIN for picture in pictures),
        'query_images': sum(picture.folder == QUERY for picture in pictures),
        'gallery_images': sum(picture.folder == GALLERY for picture in pictures),
    }


@pytest.mark.parametrize(
    ('change', 'words'),
    [
        ({'num_train_ids': 0}, 'num_train_ids is 0'),
        ({'num_test_ids': -1}, 'num_test_ids is -1'),
        ({'num_test_ids': 2.5}, 'num_test_ids is 2.5'),
        ({'num_cams': 1}, 'num_cams is 1'),
        ({'images_per_id': 0}, 'images_per_id is 0'),
        ({'gallery_per_id': 1}, 'gallery_per_id is 1'),
        ({'queries_per_id': 0}, 'queries_per_id is 0'),
        ({'occluded_share': 1.5}, 'occluded_share is 1.5'),
        ({'occluded_share': float('nan')}, 'occluded_share is nan'),
        ({'size': (16, 64)}, 'height is 16'),
        ({'size': (128, 8)}, 'width is 8'),
        ({'size': (128, 64, 3)}, 'size is'),
        ({'seed': -1}, 'seed is -1'),
        (
            {'num_train_ids': 9990, 'num_test_ids': 10},
            'num_train_ids \\+ num_test_ids is 10000',
        ),
    ],
)
def test_bad_options_are_named(change: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        Parameters(**(DEFAULT | change))
