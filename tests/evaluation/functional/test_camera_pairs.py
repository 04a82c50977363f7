from __future__ import annotations

import numpy as np
import pytest

from msvitreid.evaluation.functional import (
    bootstrap_intervals,
    camera_pair_metrics,
    rank_metrics,
)

from .test_features_to_map import random_case
from .test_self_retrieval import case, without_itself


@pytest.mark.parametrize('with_itself', [False, True])
@pytest.mark.parametrize('seed', range(3))
def test_each_pair_is_a_ranking_of_its_own(seed, with_itself):
    if with_itself:
        query, gallery, labels, self_index = case(seed)
    else:
        query, gallery, *labels = random_case(seed)
        self_index = np.full(len(query), -1)
    query_pids, gallery_pids, query_camids, gallery_camids = labels
    table = camera_pair_metrics(
        query, gallery, *labels, ap='plain', topk=(1, 3), query_chunk=7, self_index=self_index
    )
    assert table.query_cameras.tolist() == [-1, 0, 1, 2]
    assert table.gallery_cameras.tolist() == [-1, 0, 1, 2]
    for row, of_query in enumerate(table.query_cameras):
        for column, of_gallery in enumerate(table.gallery_cameras):
            q = np.flatnonzero(query_camids == of_query)
            g = np.flatnonzero(gallery_camids == of_gallery)
            itself = [g.tolist().index(i) if i in g else -1 for i in self_index[q].tolist()]
            chosen = query_pids[q], gallery_pids[g], query_camids[q], gallery_camids[g]
            matched = table.num_matched[row, column]
            if not matched:
                assert all(np.isnan(of[row, column]) for of in table.figures.values())
                continue
            expected = without_itself(query[q], gallery[g], chosen, itself, 'plain', (1, 3))
            assert matched == expected['num_queries'] - expected['num_unmatched']
            for name in ('mAP', 'mINP', 'rank-1', 'rank-3'):
                assert table.figures[name][row, column] == pytest.approx(expected[name])
    diagonal = np.diag(table.num_matched)[1:]
    assert not diagonal.any()  # the Market rule


def test_intervals_of_each_pair_by_itself():
    query, gallery, *labels = random_case(1, 60, 90)
    query_pids, gallery_pids, query_camids, gallery_camids = labels
    table = camera_pair_metrics(query, gallery, *labels, topk=(1,), resamples=30, seed=2)
    assert table.intervals.keys() == table.figures.keys()
    assert table.intervals['mAP'].shape == (4, 4, 2)
    for row, of_query in enumerate(table.query_cameras):
        for column, of_gallery in enumerate(table.gallery_cameras):
            found = {name: ends[row, column] for name, ends in table.intervals.items()}
            if not table.num_matched[row, column]:
                assert np.isnan(list(found.values())).all()
                continue
            q, g = query_camids == of_query, gallery_camids == of_gallery
            chosen = query_pids[q], gallery_pids[g], query_camids[q], gallery_camids[g]
            ranked = rank_metrics(query[q], gallery[g], *chosen, topk=(1,), per_query=True)
            (ends,) = bootstrap_intervals({'mAP': ranked['AP']}, query_pids[q], 30, 2).values()
            np.testing.assert_allclose(found['mAP'], ends)
            for name, (low, high) in found.items():
                assert low <= table.figures[name][row, column] <= high


def test_no_intervals_unless_asked_for():
    query, gallery, *labels = random_case(0)
    assert camera_pair_metrics(query, gallery, *labels).intervals == {}


@pytest.mark.parametrize('options', [{'resamples': -1}, {'resamples': 1.5}])
def test_resamples_out_of_range(options):
    with pytest.raises(ValueError, match='resamples'):
        camera_pair_metrics(np.eye(2), np.eye(2), [0, 1], [0, 1], [0, 1], [1, 0], **options)


def test_cameras_are_needed():
    with pytest.raises(ValueError, match='camids'):
        camera_pair_metrics(np.eye(2), np.eye(2), [0, 1], [0, 1], None, None)


def test_bad_input():
    labels = [0, 1], [0, 1], [0, 1], [1, 0]
    with pytest.raises(ValueError, match='topk'):
        camera_pair_metrics(np.eye(2), np.eye(2), *labels, topk=())
    with pytest.raises(ValueError, match='2 query_pids'):
        camera_pair_metrics(np.eye(3), np.eye(3), *labels)
