from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from msvitreid.evaluation.functional import camera_pair_metrics, rank_metrics
from msvitreid.evaluation.metrics import RandomGalleryMetric, ReIDMetric, RetrievalMetric
from msvitreid.visualization.report import measure_run
from msvitreid.visualization.report.measuring import shown_path

from .made import made_run


def queries_of(run):
    """The same without a gallery."""
    images = run.images.where(run.images.is_query)
    return replace(run, images=images, files=run.files[: len(images.pids)])


def arguments(run):
    query, gallery = (run.images.where(run.images.is_query == one) for one in (True, False))
    features = query.features, gallery.features
    return *features, query.pids, gallery.pids, query.camids, gallery.camids


@pytest.mark.parametrize('ap', ['trapezoid', 'plain'])
def test_figures_are_those_of_rank_metrics(tmp_path, ap):
    """One definition of average precision: that of the functional measures."""
    run = made_run(tmp_path, ReIDMetric(ap=ap))
    facts = measure_run(run, resamples=20)
    expected = rank_metrics(*arguments(run), ap=ap, per_query=True)
    for name in ('mAP', 'mINP', 'rank-1', 'rank-5', 'rank-10'):
        figure = facts.figures[name]
        assert figure.value == expected[name]
        assert figure.low <= figure.value <= figure.high
    np.testing.assert_equal(
        [query.average_precision for query in facts.queries], expected['AP'].tolist()
    )
    assert 0.1 < facts.figures['mAP'].value < 0.99, 'too easy or too hard to show anything'
    assert dict(facts.curves.cmc)[5] == expected['rank-5']


def test_cameras_are_those_of_camera_pair_metrics(tmp_path):
    run = made_run(tmp_path)
    found = measure_run(run, resamples=0).cameras
    expected = camera_pair_metrics(*arguments(run))
    np.testing.assert_equal(np.array(found.mean_ap, dtype=float), expected.figures['mAP'])
    assert found.num_queries == expected.num_matched.tolist()


def test_hardest_and_best_are_by_average_precision(tmp_path):
    facts = measure_run(made_run(tmp_path), resamples=0, lists=2)
    values = sorted(query.average_precision for query in facts.queries)
    assert [one.query.average_precision for one in facts.lists['hardest']] == values[:2]
    assert [one.query.average_precision for one in facts.lists['best']] == values[:-3:-1]
    again = measure_run(made_run(tmp_path), resamples=0, lists=2)
    assert again.lists['random'] == facts.lists['random']


def test_what_the_protocol_leaves_out_is_shown_without_a_rank(tmp_path):
    """Query 0 is of identity 0 and camera 0, and so are some gallery images."""
    run = made_run(tmp_path)
    facts = measure_run(run, resamples=0, lists=6, places=18)
    (shown,) = (one for one in facts.lists['random'] if one.query.path.startswith('query/0_'))
    left_out = [place for place in shown.places if place.verdict == 'left out']
    assert left_out
    images = run.images
    for place in left_out:
        index = run.files.index(place.file)
        assert (images.pids[index], images.camids[index], place.rank) == (0, 0, None)
    ranks = [place.rank for place in shown.places if place.rank]
    assert ranks == list(range(1, len(ranks) + 1))
    similarity = [place.similarity for place in shown.places]
    assert similarity == sorted(similarity, reverse=True)
    first = next(place.rank for place in shown.places if place.verdict == 'right')
    assert first == shown.query.first_match


def test_images_that_search_each_other(tmp_path):
    """Self-retrieval, as of Cars: no camera, and no image finds itself."""
    run = queries_of(made_run(tmp_path, RetrievalMetric(topk=(1, 2))))
    facts = measure_run(run, resamples=0, lists=6)
    assert {'recall@1', 'NMI', 'EER'} <= facts.figures.keys()
    assert 'Camera pairs' in facts.missing
    for shown in facts.lists['random']:
        assert [p for p in shown.places if p.file == shown.file or not p.rank] == []
        assert len(shown.places) == 5


def test_a_protocol_without_one_ranking_has_figures_only(tmp_path):
    run = queries_of(made_run(tmp_path, RandomGalleryMetric()))
    facts = measure_run(run, resamples=0)
    assert facts.figures.keys() >= {'mAP', 'rank-1'}
    assert 'RandomGalleryMetric' in facts.missing['Queries']


def test_joined_sets_have_figures_each(tmp_path):
    run = made_run(tmp_path)
    run = replace(run, images=run.images._replace(datasets=np.full(len(run.files), 'one')))
    facts = measure_run(run, resamples=0)
    assert 'one/mAP' in facts.figures
    assert 'joined' in facts.missing['Curves']


@pytest.mark.parametrize(
    ('file', 'shown'),
    [
        ('/data/set/a/b.jpg', 'a/b.jpg'),
        ('/data/other/b.jpg', 'b.jpg'),
        ('/data/set/..b.jpg', '..b.jpg'),
        ('/data/set/a\nb.jpg', 'a\\nb.jpg'),
        ('/data/set/a\udcff.jpg', 'a\\udcff.jpg'),
    ],
)
def test_no_folder_of_this_machine_is_shown(file, shown):
    assert shown_path(file, '/data/set') == shown
