"""The gallery's benchmark, in small."""

from __future__ import annotations

import csv

from tests.tools.user import REPOSITORY, run


def test_gallery(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(REPOSITORY / 'tools' / 'analysis_tools'))
    size = ('--rows', 300, '--dimension', 16, '--queries', 20, '--rounds', 1)
    outcome = run(
        'analysis_tools/benchmark.py', 'gallery', *size, '--out', tmp_path / 'gallery.csv'
    )
    assert outcome.code == 0, outcome.err
    with open(tmp_path / 'gallery.csv', encoding='utf-8', newline='') as file:
        rows = {(row['case'], row['variant']): row for row in csv.DictReader(file)}
    case = '300 x 16, float32'
    for name in ('add', 'open', '1 query', '20 queries'):
        assert float(rows[f'{case}: {name}', 'msvitreid']['median_s']) > 0
    assert float(rows[f'{case}: 1 query', 'msvitreid']['times_limit']) > 0
    assert len([variant for name, variant in rows if name.endswith('filters')]) == 4
