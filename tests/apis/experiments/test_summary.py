import csv
import io
import math
from pathlib import Path

import numpy as np
import pytest

from msvitreid.apis.experiments import (
    Experiment,
    ExperimentTable,
    compare,
    markdown_summary,
    runs_csv,
    summary_csv,
)
from msvitreid.apis.experiments.results import TestedRun
from msvitreid.apis.experiments.testing import QueryFigures
from msvitreid.errors import ConfigError

IDENTITIES = ['a', 'a', 'b', 'c', 'c', 'c']


def made(variant, seed, precisions, queries=None):
    known = [value for value in precisions if value is not None]
    figures = QueryFigures(
        {'mAP': float(np.mean(known)), 'rank-1': 0.5},
        queries or [f'{n}.jpg' for n in range(len(precisions))],
        IDENTITIES,
        list(precisions),
        'images: 6',
        'f' * 64,
        'e' * 64,
    )
    return TestedRun(
        variant, seed, 'test', 's', f'msvitreid train {Path("out")}/x', 2.5, figures
    )


@pytest.fixture
def experiment():
    variants = {'base': {}, 'other': {'title': 'an|other'}, 'none': {}}
    return Experiment(ExperimentTable(config='c', seeds=[0, 1], variants=variants), Path('out'))


BASE = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]
HIGHER = [0.2, 0.3, 0.4, 0.5, 0.6, 0.7]


def test_differences_are_paired(experiment):
    """A constant gain per query has an interval of no width, however the queries differ."""
    runs = [made('base', 0, BASE), made('base', 1, HIGHER)]
    runs += [made('other', 0, HIGHER), made('other', 1, [v + 0.1 for v in HIGHER])]
    base, other = compare(experiment, runs, 500)
    assert (base.difference, base.interval) == (None, None)
    assert base.figures['mAP'].mean == pytest.approx(0.4)
    assert base.figures['mAP'].deviation == pytest.approx(math.sqrt(0.005))
    assert other.difference == pytest.approx(0.1)
    assert other.interval == pytest.approx((0.1, 0.1))
    assert other.seeds == [0, 1]


def test_identities_are_drawn_not_queries(experiment):
    """Interval over three identities, by hand: 27 equally likely draws."""
    gain = [0.3, 0.3, 0.0, -0.1, -0.1, -0.1]
    runs = [
        made('base', 0, BASE),
        made('other', 0, [a + b for a, b in zip(BASE, gain, strict=True)]),
    ]
    base, other = compare(experiment, runs, 20_000)
    assert base.spread == pytest.approx((0.15, 0.5))
    assert other.difference == pytest.approx(0.05)
    size, total = np.array([2, 1, 3]), np.array([0.6, 0.0, -0.3])
    draws = np.array(np.meshgrid(*[range(3)] * 3)).reshape(3, -1).T
    means = [total[draw].sum() / size[draw].sum() for draw in draws]
    # 1/27 of the draws are three times the last identity, so 2.5 % end there.
    assert other.interval == pytest.approx((min(means), max(means)), abs=1e-12)


def test_only_seeds_that_both_have_are_compared(experiment):
    runs = [made('base', 0, BASE), made('other', 0, HIGHER), made('other', 1, BASE)]
    other = compare(experiment, runs, 100)[1]
    assert other.difference == pytest.approx(0.1)
    assert other.figures['mAP'].mean == pytest.approx(0.4)
    alone = compare(experiment, runs[2:], 100)
    assert [(one.variant, one.difference) for one in alone] == [('other', None)]


def test_a_query_without_a_match_counts_nowhere(experiment):
    runs = [made('base', 0, [None, *BASE[1:]]), made('other', 0, [None, *HIGHER[1:]])]
    assert compare(experiment, runs, 100)[1].difference == pytest.approx(0.1)


def test_other_queries_are_refused(experiment):
    runs = [made('base', 0, BASE), made('other', 0, BASE, queries=list('abcdef'))]
    with pytest.raises(ConfigError, match='other, seed 0, has other queries'):
        compare(experiment, runs, 100)


def test_tables(experiment):
    runs = [made('base', 0, BASE), made('base', 1, HIGHER), made('other', 0, HIGHER)]
    found = compare(experiment, runs, 100)
    lines = markdown_summary(experiment, found).splitlines()
    assert lines[0] == '| variant | runs | minutes | mAP (%) | rank-1 (%) | mAP against base |'
    assert lines[2] == '| base | 2 | 2.5 | 40.0 ± 7.1 | 50.0 ± 0.0 |  |'
    assert lines[3] == '| an\\|other | 1 | 2.5 | 45.0 | 50.0 | +10.0 (+10.0 to +10.0) |'
    rows = list(csv.DictReader(io.StringIO(summary_csv(experiment, found))))
    assert float(rows[1]['mAP_difference']) == pytest.approx(0.1)
    assert (rows[0]['low'], rows[0]['seeds']) == ('', '0 1')
    rows = list(csv.DictReader(io.StringIO(runs_csv(experiment, runs))))
    assert rows[2]['command'] == 'msvitreid train OUT/x'
    assert float(rows[1]['mAP']) == pytest.approx(0.45)
    assert [row['checkpoint_sha256'] for row in rows] == ['f' * 64] * 3
