from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from msvitreid.evaluation.functional import (
    adjusted_mutual_information,
    bootstrap_intervals,
    bootstrap_labelings,
    normalized_mutual_information,
)


def case(seed=0, identities=30):
    """Queries of one identity are alike, and there are few or many of them."""
    rng = np.random.default_rng(seed)
    pids = np.repeat(np.arange(identities), rng.integers(1, 9, identities))
    values = np.clip(rng.random(identities)[pids] + 0.1 * rng.normal(size=len(pids)), 0, 1)
    return values, pids


def test_agrees_with_scipy():
    """SciPy's percentile bootstrap of the identities, with its own draws."""
    values, pids = case()
    sums, counts = np.bincount(pids, values), np.bincount(pids)

    def mean(sums, counts, axis=-1):
        return sums.sum(axis=axis) / counts.sum(axis=axis)

    theirs = stats.bootstrap(
        (sums, counts),
        mean,
        paired=True,
        method='percentile',
        n_resamples=20_000,
        random_state=0,
    ).confidence_interval
    low, high = bootstrap_intervals({'mAP': values}, pids, 20_000)['mAP']
    assert low == pytest.approx(theirs.low, abs=0.005)
    assert high == pytest.approx(theirs.high, abs=0.005)
    assert low < values.mean() < high


def test_agrees_with_drawing_the_queries_of_each_identity():
    values, pids = case(1)
    values[3], values[pids == 5] = np.nan, np.nan
    more = np.where(np.isnan(values), np.nan, values > 0.5)
    rng = np.random.default_rng(7)
    used = np.unique(pids[~np.isnan(values)])
    means = []
    for times in rng.multinomial(len(used), np.full(len(used), 1 / len(used)), size=200):
        drawn = np.concatenate([np.flatnonzero(pids == one) for one in np.repeat(used, times)])
        means.append([np.nanmean(values[drawn]), np.nanmean(more[drawn])])
    expected = np.percentile(means, [2.5, 97.5], axis=0)
    intervals = bootstrap_intervals({'mAP': values, 'rank-1': more}, pids, 200, seed=7)
    np.testing.assert_allclose([intervals['mAP'], intervals['rank-1']], expected.T)


def test_images_of_one_identity_are_no_independent_draws():
    """A hundred copies of each query change nothing; drawing queries, they would."""
    values, pids = case(2)
    once = bootstrap_intervals({'x': values}, pids, 500)
    copies = bootstrap_intervals({'x': np.tile(values, 100)}, np.tile(pids, 100), 500)
    np.testing.assert_allclose(copies['x'], once['x'])


def test_the_seed_decides():
    values, pids = case()
    first, again, other = (
        bootstrap_intervals({'x': values}, pids, 100, seed=seed) for seed in (3, 3, 4)
    )
    assert first == again != other


def test_no_value_at_all():
    (interval,) = bootstrap_intervals({'x': np.full(3, np.nan)}, [0, 1, 2], 10).values()
    assert np.isnan(interval).all()


def test_one_identity_has_no_width():
    assert bootstrap_intervals({'x': np.array([0.0, 1.0])}, [4, 4], 10) == {'x': (0.5, 0.5)}


@pytest.mark.parametrize(
    'measure', [normalized_mutual_information, adjusted_mutual_information]
)
def test_labelings(measure):
    rng = np.random.default_rng(0)
    classes = rng.integers(0, 8, 120)
    clusters = np.where(rng.random(120) < 0.6, classes, rng.integers(0, 8, 120))
    low, high = bootstrap_labelings(measure, classes, clusters, 60, seed=1)
    assert low < measure(classes, clusters) < high
    draws = np.random.default_rng(1).multinomial(8, np.full(8, 1 / 8), size=60)
    values = []
    for times in draws:
        drawn = [
            (copy, one) for copy, one in enumerate(np.repeat(np.arange(8), times).tolist())
        ]
        left = np.concatenate([np.full((classes == one).sum(), copy) for copy, one in drawn])
        right = np.concatenate([clusters[classes == one] for _, one in drawn])
        values.append(measure(left, right))
    np.testing.assert_allclose((low, high), np.percentile(values, [2.5, 97.5]))


@pytest.mark.parametrize('options', [(0,), (-1,), (1.5,), (True,), (10, -1), (10, 0.5)])
def test_numbers_out_of_range(options):
    with pytest.raises(ValueError, match=r'resamples|seed'):
        bootstrap_intervals({'x': np.ones(2)}, [0, 1], *options)
    with pytest.raises(ValueError, match=r'resamples|seed'):
        bootstrap_labelings(normalized_mutual_information, [0, 1], [0, 1], *options)


def test_lengths_that_differ():
    with pytest.raises(ValueError, match=r'pids must have shape \(2,\)'):
        bootstrap_intervals({'x': np.ones(2)}, [0, 1, 2], 10)
