"""Pages of evidence; class of faults: a page whose figures are not those of its files."""

from __future__ import annotations

import csv
from statistics import mean

import pytest

from tools.analysis_tools.evidence_page import FIGURES, PAGES, filled, table_lines

TABLES = sorted(path.parent.name for path in FIGURES.glob('*/summary.csv'))


def rows_of(table, name):
    with open(FIGURES / table / name, encoding='utf-8', newline='') as file:
        return list(csv.DictReader(file))


def made(variant, difference, low, high, runs='3'):
    return {
        'variant': variant,
        'title': variant.upper(),
        'test': 'clean',
        'runs': runs,
        'mAP': '0.5',
        'mAP_std': '0.0123',
        'rank-1': '0.75',
        'rank-1_std': '0',
        'mAP_difference': difference,
        'low': low,
        'high': high,
        'mAP_low': '0.44',
        'mAP_high': '0.556',
    }


def test_a_table():
    rows = [
        made('base', '', '', ''),
        made('better', '0.031', '0.002', '0.0604'),
        made('unclear', '-0.01', '-0.05', '0.03', runs='1'),
    ]
    assert table_lines(rows, ['base', 'unclear', 'better']) == [
        '|  | runs | clean: mAP (%) | rank-1 (%) | mAP against the base |',
        '|---|---:|---:|---:|---:|',
        '| BASE | 3 | 50.0 ± 1.2 | 75.0 ± 0.0 | base |',
        '| UNCLEAR | 1 | 50.0 | 75.0 | -1.0 (-5.0 to +3.0) |',
        '| BETTER | 3 | 50.0 ± 1.2 | 75.0 ± 0.0 | **+3.1 (+0.2 to +6.0)** |',
    ]
    assert table_lines(rows, ['base'], intervals=True)[2] == (
        '| BASE | 3 | 50.0 ± 1.2 (44.0 to 55.6) | 75.0 ± 0.0 | base |'
    )
    with pytest.raises(KeyError, match='worse'):
        table_lines(rows, ['worse'])


def test_the_pages_are_what_their_files_say():
    pages = [page.read_text(encoding='utf-8') for page in PAGES]
    assert [filled(page, FIGURES) for page in pages] == pages
    for mark in ('<!-- table ', '<!-- end -->'):
        assert sum(page.count(mark) for page in pages) == len(TABLES)


@pytest.mark.parametrize('table', TABLES)
def test_a_summary_is_that_of_its_runs(table):
    runs = rows_of(table, 'runs.csv')
    for row in rows_of(table, 'summary.csv'):
        own = [
            run
            for run in runs
            if (run['variant'], run['test']) == (row['variant'], row['test'])
        ]
        assert len(own) == int(row['runs'])
        assert mean(float(run['mAP']) for run in own) == pytest.approx(
            float(row['mAP']), abs=1e-9
        )
        for run in own:
            assert run['command'].startswith(('msvitreid train ', 'msvitreid join '))
            assert len(run['checkpoint_sha256']) == 64
