"""The comparison tool as a user calls it."""

from __future__ import annotations

import csv

import pytest

from tests.tools.user import run
from tests.visualization.runs import finished_run, train_line, write_result, write_start

TOOL = 'analysis_tools/compare_runs.py'


@pytest.fixture
def compare(tmp_path):
    def compare(*arguments):
        return run(TOOL, *arguments, '--out', tmp_path / 'out')

    return compare


def rows(folder):
    return list(csv.DictReader((folder / 'out' / 'runs.csv').read_text().splitlines()))


def test_two_runs(compare, tmp_path):
    paths = [
        finished_run(tmp_path / name, averaged=value)
        for name, value in [('a', 0.6), ('b', 0.7)]
    ]
    outcome = compare(*paths, '--names', 'first', 'second')
    assert outcome.code == 0, outcome.err
    table = (tmp_path / 'out' / 'runs.md').read_text()
    assert outcome.out.startswith(table)
    assert '| first | 1 | averaged net | 60.00 | 75.00 |' in table
    assert [(row['run'], row['mAP']) for row in rows(tmp_path)] == [
        ('first', '0.6'),
        ('second', '0.7'),
    ]
    assert (tmp_path / 'out' / 'runs.png').stat().st_size > 10_000


def test_groups_of_test_results(compare, tmp_path):
    """Variants by seeds, whose figures are in files of tools/test.py --out."""
    for variant, base in (('net', 0.6), ('small', 0.5)):
        for seed in range(3):
            work_dir = finished_run(tmp_path / f'{variant}-{seed}')
            figures = {'mAP': base + seed / 100, 'rank-1': 0.8}
            result = tmp_path / 'results' / f'{variant}-{seed}.json'
            write_result(result, work_dir / 'averaged.pth', figures)
    small = ','.join(str(tmp_path / 'results' / f'small-{seed}.json') for seed in range(3))
    outcome = compare(
        *('--group', f'Net={tmp_path}/results/net-*.json'), *('--group', f'Small={small}')
    )
    assert outcome.code == 0, outcome.err
    assert (
        '| Net | 3 | test of averaged.pth, ap trapezoid | 61.00 ± 1.00 | 80.00 ± 0.00 |'
        in outcome.out
    )
    assert (
        '| Small | 3 | test of averaged.pth, ap trapezoid | 51.00 ± 1.00 | 80.00 ± 0.00 |'
        in outcome.out
    )
    assert len(rows(tmp_path)) == 2 * (3 + 2)


def test_chosen_metrics(compare, tmp_path):
    outcome = compare(finished_run(tmp_path / 'a'), '--metrics', 'rank-1')
    assert '| run | runs | figures of | rank-1 (%) |' in outcome.out
    outcome = compare(tmp_path / 'a', '--metrics', 'mINP')
    assert (outcome.code, outcome.err) == (
        2,
        "error: no run has 'mINP'; there is mAP, rank-1\n",
    )


def test_what_cannot_be_compared_is_a_sentence(compare, tmp_path):
    run_a = finished_run(tmp_path / 'a')
    by_step = write_start(
        tmp_path / 'b', '20260101_000000', [{'loss': 1.0, 'iter': 5, 'step': 5}]
    )
    (tmp_path / 'empty').mkdir()
    (tmp_path / 'README.md').write_text('# Read me')
    tested = [tmp_path / 'results' / f'{ap}.json' for ap in ('plain', 'trapezoid')]
    for path in tested:
        write_result(path, run_a / 'averaged.pth', {'mAP': 0.5}, ap=path.stem)
    for arguments, words in [
        ((tmp_path / 'empty',), 'is no run'),
        ((tmp_path / 'README.md',), 'is no run'),
        ((run_a, by_step), 'a counts epochs, b counts iterations'),
        ((run_a, run_a), 'are called'),
        ((run_a, '--names', 'G', '--group', f'G={run_a}'), 'are called'),
        (('--group', f'G={run_a},{by_step}'), "group 'G' mixes"),
        (('--group', f'G={tested[0]},{tested[1]}'), 'plain: test of averaged.pth, ap plain'),
    ]:
        outcome = compare(*arguments)
        assert outcome.code == 2
        assert words in outcome.err
        assert outcome.err.count('\n') == 1


@pytest.mark.parametrize(
    'arguments', [(), ('--group', 'nothing'), ('--group', '=a'), ('a', '--names', 'b', 'c')]
)
def test_usage_errors(arguments, compare):
    outcome = compare(*arguments)
    assert outcome.code == 2
    assert 'usage:' in outcome.err


def test_a_wildcard_that_fits_nothing(compare, tmp_path):
    outcome = compare('--group', f'A={finished_run(tmp_path / "a")},{tmp_path}/none*.json')
    assert outcome.code == 2
    assert "none*.json' is not NAME=RUN,RUN,... of runs that exist" in outcome.err


def test_brackets_in_the_name_of_a_run(compare, tmp_path):
    finished_run(tmp_path / 'run[1]')
    outcome = compare('--group', f'A={tmp_path}/run[1]')
    assert outcome.code == 0, outcome.err
    assert '| A | 1 | averaged net | 60.00 | 75.00 |' in outcome.out


def test_a_run_that_has_not_validated_yet(compare, tmp_path):
    write_start(tmp_path / 'new', '20260101_000000', [train_line(1, 5, 3.0)])
    outcome = compare(tmp_path / 'new')
    assert (outcome.code, rows(tmp_path)) == (
        0,
        [{'group': '', 'run': 'new', 'figures_of': ''}],
    ), outcome.err
