from __future__ import annotations

import re

import numpy as np
import pytest
from mmengine.evaluator import Evaluator

from msvitreid.errors import ConfigError, DatasetError
from msvitreid.evaluation import RandomGalleryMetric
from msvitreid.evaluation.metrics import random_gallery_metric
from msvitreid.evaluation.metrics.random_gallery_metric import random_gallery
from msvitreid.registry import METRICS

from .samples import make_samples


@pytest.fixture
def log(monkeypatch):
    lines = []
    monkeypatch.setattr(
        random_gallery_metric, 'print_log', lambda line, **kwargs: lines.append(line)
    )
    return lines


def evaluate(features, pids, order=None, **options):
    samples = make_samples(features, pids, ['query'] * len(pids))
    evaluator = Evaluator({'type': 'msvitreid.RandomGalleryMetric', **options})
    order = range(len(samples)) if order is None else order
    evaluator.process([samples[i] for i in order])
    return evaluator.evaluate(len(samples))


def make_case(count=40):
    rng = np.random.default_rng(0)
    pids = rng.integers(0, 8, count)
    return rng.normal(size=(count, 4)) + 0.5 * pids[:, None], pids


def test_perfect_embeddings_have_no_deviation():
    pids = np.repeat(np.arange(5), 3)
    metrics = evaluate(np.eye(5)[pids], pids)
    assert metrics == {
        'mAP': 1.0, 'rank-1': 1.0, 'rank-5': 1.0, 'mAP-std': 0.0, 'rank-1-std': 0.0,
        'rank-5-std': 0.0,
    }  # fmt: skip


def test_mean_and_population_deviation_of_the_draws():
    # Image 2 of identity 0 looks like identity 1. Whichever image of 0 is drawn, the other
    # two search; identity 1 has one image and is in every gallery.
    features, pids = [[1, 0], [1, 0], [0, 1], [0.5, 1]], [0, 0, 0, 1]
    seen = {}
    for seed in range(20):
        metrics = evaluate(features, pids, draws=1, seed=seed, ap='plain')
        seen[metrics['rank-1']] = seed
        assert metrics['rank-1-std'] == 0.0
    # Drawn: image 0 or 1 (its twin finds it, image 2 does not), or image 2 (nobody does).
    assert set(seen) == {0.0, 0.5}
    metrics = evaluate(features, pids, draws=60, ap='plain')
    half = metrics['rank-1'] / 0.5  # the share of draws that gave one half
    assert 0.4 < half < 0.95
    assert metrics['rank-1-std'] == pytest.approx(0.5 * np.sqrt(half * (1 - half)))
    # The right image is at rank 1 or 2.
    assert metrics['mAP'] == pytest.approx(metrics['rank-1'] + 0.5 * (1 - metrics['rank-1']))
    assert metrics['rank-5'] == 1.0


def test_same_seed_same_figures_in_whatever_order_images_come():
    features, pids = make_case()
    once = evaluate(features, pids)
    assert evaluate(features, pids, order=[*range(39, -1, -1), 3]) == once
    assert evaluate(features, pids, seed=1) != once
    assert once['rank-1-std'] > 0


def test_draws_differ_from_each_other_and_take_one_image_of_each_identity():
    _, pids = make_case()
    rng = np.random.default_rng(0)
    drawn = [random_gallery(pids, rng) for _ in range(400)]
    assert all(np.array_equal(np.sort(pids[d]), np.unique(pids)) for d in drawn)
    # Every image is drawn about as often as the others of its identity.
    expected = 400 / np.bincount(pids)[pids]
    assert np.abs(np.sum(drawn, axis=0) - expected).max() < 5 * np.sqrt(400 * 0.25)
    assert (np.sum(drawn, axis=0) > 0).all()


def test_the_log_says_what_was_done(log):
    features, pids = make_case()
    evaluate(features, pids, draws=3, seed=7)
    (line,) = log
    assert re.search(
        r'trapezoid AP, mean ± population deviation over 3 random galleries \(seed 7\), '
        r'32 queries, 8 gallery images: mAP .*% ± .*%, rank-1 .* rank-5',
        line,
    )


def test_cameras_leave_nothing_out():
    features, pids = make_case()
    samples = make_samples(features, pids, ['query'] * 40, np.ones(40))
    metric = RandomGalleryMetric()
    metric.process(None, samples)
    assert metric.evaluate(40) == evaluate(features, pids)


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'draws': 0}, r'draws: .* got 0'),
        ({'draws': 2.5}, r'draws: .* got 2\.5'),
        ({'seed': -1}, r'seed: .* got -1'),
        ({'topk': 5}, r'topk: .* got 5'),
        ({'topk': (0,)}, r'topk must be a list of whole numbers from 1 on, got \(0,\)'),
        ({'ap': 'voc'}, r"ap: .* got 'voc'"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(ConfigError, match=message):
        METRICS.build({'type': 'RandomGalleryMetric', **options})


def test_a_gallery_split_is_refused():
    metric = RandomGalleryMetric()
    metric.process(None, make_samples(np.eye(4), [0, 0, 1, 1], ['query'] * 3 + ['gallery']))
    with pytest.raises(DatasetError, match=r"1 of .*'gallery'"):
        metric.evaluate(4)


def test_nothing_to_search_with():
    with pytest.raises(DatasetError, match=r'4 identities .*single'):
        evaluate(np.eye(4), range(4))
