"""Rankings for pictures; class of faults: an order that is not that of the figures."""

from __future__ import annotations

import numpy as np
import pytest

from msvitreid.apis.pictures import (
    EmbeddedTestSet,
    MapPoints,
    choose_queries,
    points_of_gallery,
    project,
    rank_with_left_out,
    sample,
)
from msvitreid.errors import ConfigError, DatasetError, GalleryError
from msvitreid.evaluation.functional import top_matches
from msvitreid.gallery import create_gallery

AP = np.array([0.5, np.nan, 1.0, 0.25, 1.0])


def test_best_and_worst():
    assert choose_queries(AP, 'best', 3).tolist() == [2, 4, 0]
    assert choose_queries(AP, 'worst', 2).tolist() == [3, 0]
    assert choose_queries(AP, 'best', 99).tolist() == [2, 4, 0, 3]
    assert choose_queries(AP, 'all', 1).tolist() == [0, 1, 2, 3, 4]
    with pytest.raises(ValueError, match='which'):
        choose_queries(AP, 'odd', 1)


def test_random_queries_are_those_of_the_seed():
    many = np.zeros(100)
    first = choose_queries(many, 'random', 5, seed=1)
    assert first.tolist() == choose_queries(many, 'random', 5, seed=1).tolist()
    assert first.tolist() != choose_queries(many, 'random', 5, seed=2).tolist()
    assert len(set(first.tolist())) == 5
    assert choose_queries(AP, 'random', 99).tolist() == [0, 1, 2, 3, 4]


def some_images(self_retrieval=False, count=40):
    rng = np.random.default_rng(0)
    unit = rng.normal(size=(count, 4)).astype(np.float32)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    pids = np.arange(count) % 5
    pids[-2:] = -1
    query = np.arange(8)
    return EmbeddedTestSet(
        'made',
        unit,
        [f'{i}.png' for i in range(count)],
        pids,
        np.arange(count) % 3,
        query,
        np.arange(count) if self_retrieval else np.arange(8, count),
        query if self_retrieval else np.full(8, -1),
    )


@pytest.mark.parametrize('self_retrieval', [False, True])
def test_what_is_not_left_out_is_the_ranking_of_the_figures(self_retrieval):
    images = some_images(self_retrieval)
    rows = np.array([5, 2])
    found = rank_with_left_out(images, rows, 40)
    ranked = {**images.ranked}
    for name in ('query_features', 'query_pids', 'query_camids', 'self_index'):
        ranked[name] = ranked[name][rows]
    expected = top_matches(k=40, **ranked)
    for matches, left_out, right in zip(found.matches, found.left_out, expected, strict=True):
        shown = matches[(matches >= 0) & ~left_out]
        assert shown.tolist() == right[right >= 0].tolist()
    hidden = rank_with_left_out(images, rows, 40, show_left_out=False)
    width = hidden.matches.shape[1]
    assert hidden.matches.tolist() == expected[:, :width].tolist()
    assert not hidden.left_out.any()


def test_left_out_are_same_identity_and_camera_and_junk():
    images = some_images()
    found = rank_with_left_out(images, np.arange(8), 40)
    for row, (matches, left_out) in enumerate(zip(found.matches, found.left_out, strict=True)):
        of_gallery = images.gallery[matches]
        same = (images.pids[of_gallery] == images.pids[row]) & (
            images.camids[of_gallery] == images.camids[row]
        )
        assert np.array_equal(left_out, same | (images.pids[of_gallery] == -1))
    assert (np.diff(found.similarity, axis=1) <= 0).all()


def test_a_query_is_never_shown_among_its_hits():
    images = some_images(self_retrieval=True)
    found = rank_with_left_out(images, np.arange(8), 40)
    assert all(row not in matches for row, matches in enumerate(found.matches.tolist()))
    assert (found.matches[:, -1] == -1).all()


def test_no_query_with_a_match():
    images = some_images()
    images.pids[images.gallery] = 99
    with pytest.raises(DatasetError, match='none of the 8 queries'):
        images.average_precisions()
    assert np.isnan(images.average_precisions(required=False)).all()


def test_principal_components():
    """Points of a plane in 5 dimensions keep their distances; shares add up to 1."""
    rng = np.random.default_rng(0)
    plane = rng.normal(size=(30, 2)) * (3, 1)
    axes = np.linalg.qr(rng.normal(size=(5, 2)))[0]
    points, shares = project((plane @ axes.T + 7).astype(np.float32))
    assert sum(shares) == pytest.approx(1, abs=1e-6)
    assert shares[0] > shares[1]
    distances = np.linalg.norm(plane[:, None] - plane, axis=2)
    assert np.allclose(np.linalg.norm(points[:, None] - points, axis=2), distances, atol=1e-4)


@pytest.mark.parametrize('method', ['pca', 'tsne'])
def test_a_map_of_few_images(method):
    """Fewer images than t-SNE's usual perplexity, 30, or than dimensions."""
    points, _ = project(np.eye(4, 3, dtype=np.float32), method)
    assert points.shape == (4, 2)
    assert np.isfinite(points).all()
    with pytest.raises(ConfigError, match='3 images'):
        project(np.eye(2, dtype=np.float32), method)
    with pytest.raises(ConfigError, match='umap'):
        project(np.eye(4, dtype=np.float32), 'umap')


def test_sample():
    points = MapPoints(np.arange(20).reshape(10, 2), list('abcdefghij'))
    drawn = sample(points, 4, seed=3)
    assert drawn.labels == sorted(drawn.labels)
    assert len(drawn.labels) == 4
    for label, row in zip(drawn.labels, drawn.embeddings, strict=True):
        assert row[0] == 2 * 'abcdefghij'.index(label)
    assert sample(points, 10) is points


def test_points_of_a_gallery(tmp_path):
    with create_gallery(tmp_path / 'g', 3, 'f') as gallery:
        with pytest.raises(GalleryError, match='empty'):
            points_of_gallery(gallery)
        gallery.add(
            ['b', 'a', 'c'], np.eye(3, dtype=np.float32), [{'pid': 7}, {}, {'pid': 'nan'}]
        )
        points = points_of_gallery(gallery)
    assert points.labels == ['', '7', '']
    assert points.embeddings.argmax(axis=1).tolist() == [1, 0, 2]
