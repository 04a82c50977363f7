"""The benchmark of the search page's server, in small."""

from __future__ import annotations

import csv

import pytest

from tests.tools.user import REPOSITORY, run

pytest.importorskip('fastapi')
pytest.importorskip('uvicorn')


def test_serve(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(REPOSITORY / 'tools' / 'analysis_tools'))
    size = ('--rows', 300, '--dimension', 16, '--at-once', 50, '--rounds', 3)
    outcome = run('analysis_tools/benchmark.py', 'serve', *size, '--out', tmp_path / 's.csv')
    assert outcome.code == 0, outcome.err
    with open(tmp_path / 's.csv', encoding='utf-8', newline='') as file:
        rows = {row['variant']: row for row in csv.DictReader(file)}
    assert {name: row['rounds'] for name, row in rows.items()} == {
        'one after another': '3',
        '50 at once': '50',
    }
    assert all('p95' in row['note'] for row in rows.values())
