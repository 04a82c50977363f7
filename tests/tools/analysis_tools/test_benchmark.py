"""The benchmark tool as a user calls it, in small."""

from __future__ import annotations

import csv

import pytest

from tests.tools.user import REPOSITORY, run

TOOL = 'analysis_tools/benchmark.py'
SUBJECTS = {'forward', 'train-step', 'ranking', 'rerank', 'pipeline', 'startup', 'scaling'}


@pytest.fixture(autouse=True)
def as_a_script(monkeypatch):
    """``python FILE`` puts the file's folder on the path, ``runpy`` doesn't."""
    monkeypatch.syspath_prepend(str(REPOSITORY / 'tools' / 'analysis_tools'))


def read(path):
    with path.open(encoding='utf-8', newline='') as file:
        return {(row['case'], row['variant']): row for row in csv.DictReader(file)}


def test_help_names_all_subjects():
    outcome = run(TOOL, '--help')
    assert outcome.code == 0
    words = outcome.out.replace(',', ' ').split()
    assert set(words) >= SUBJECTS


def test_ranking(tmp_path):
    out = tmp_path / 'ranking.csv'
    small = ('--sizes', 'small', '--streamed', 3000, '--folder', tmp_path)
    outcome = run(TOOL, 'ranking', *small, '--rounds', 1, '--out', out)
    assert outcome.code == 0, outcome.err
    assert 'threads 1' in outcome.out.splitlines()[0]
    rows = read(out)
    whole = '400 x 2,000 x 2,560'
    assert {key for key in rows if key[0] == whole} == {
        (whole, variant) for variant in ('product', 'msvitreid', 'plain')
    }
    ours = rows[f'{whole}, similarities given', 'msvitreid']
    assert float(ours['speedup']) > 1
    assert float(ours['note'].removeprefix('differs by ')) < 1e-6
    assert float(rows[whole, 'msvitreid']['times_limit']) > 0
    assert rows['3,368 x 3,000 x 2,560, gallery in a file', 'msvitreid']['memory_mib']
    assert list(tmp_path.iterdir()) == [out]


@pytest.mark.parametrize('no_plain', [False, True])
def test_rerank(tmp_path, no_plain):
    out = tmp_path / 'rerank.csv'
    flags = ['--no-plain'] if no_plain else []
    outcome = run(TOOL, 'rerank', '--images', 600, *flags, '--rounds', 1, '--out', out)
    assert outcome.code == 0, outcome.err
    variants = {variant: row for (_, variant), row in read(out).items()}
    if no_plain:
        assert set(variants) == {'product', 'msvitreid, in blocks'}
    else:
        assert set(variants) == {'product', 'msvitreid', 'plain'}
        assert float(variants['msvitreid']['note'].removeprefix('differs by ')) < 1e-5


def test_scaling_draws_a_picture(tmp_path):
    sizes = ('--galleries', 50, 100, '--reranked', 60, 120, '--batches', 1)
    sizes += ('--heights', 192, '--splits', 4)
    out = tmp_path / 'new' / 'scaling.csv'
    outcome = run(TOOL, 'scaling', *sizes, '--rounds', 1, '--out', out)
    assert outcome.code == 0, outcome.err
    assert len(read(out)) == 7
    assert out.with_suffix('.png').read_bytes().startswith(b'\x89PNG')


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (('--rounds', 0), 'error: --rounds is 0, give at least 1'),
        (('--out', 'table.txt'), "error: --out is 'table.txt', name a file that ends in .csv"),
    ],
)
def test_bad_options_are_one_sentence(arguments, message):
    outcome = run(TOOL, 'ranking', *arguments)
    assert (outcome.code, outcome.err.strip()) == (2, message)
