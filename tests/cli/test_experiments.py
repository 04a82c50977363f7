import json

import pytest

from tests.tools.user import SMALL

from .command import command


def small_table(data_root, **values):
    options = {**SMALL, 'data_root': str(data_root), 'train_cfg.max_epochs': 1}
    options['model.backbone.arch'] = {
        key: list(value) if isinstance(value, tuple) else value
        for key, value in options['model.backbone.arch'].items()
    }
    return {
        'config': 'msvit-s_market1501',
        'options': options,
        'variants': {
            'sparse': {},
            'dense': {'options': {'model.backbone.sparse_ratio': 1.0}, 'title': 'all keys'},
        },
        **values,
    }


@pytest.mark.slow
def test_runs_a_table_once(data_root, tmp_path):
    """Two nets are trained and compared; the second call only reads what the first left."""
    table, out = tmp_path / 'table.json', tmp_path / 'out'
    table.write_text(json.dumps(small_table(data_root)))
    first = command('experiments', table, '--out', out, '--devices', 'cpu')
    assert first.code == 0, first.err
    assert '2 of 2 runs' in first.out
    assert '| all keys | 1 |' in first.out
    for name in ('runs.csv', 'summary.csv', 'summary.md', 'variants.png'):
        assert (out / name).stat().st_size > 100
    rows = (out / 'runs.csv').read_text().splitlines()
    assert len(rows) == 3
    assert 'OUT/sparse/seed-0/train' in rows[1]
    again = command('experiments', table, '--out', out)
    assert again.code == 0, again.err
    assert '2 runs of 2 were done before' in again.out
    assert (out / 'runs.csv').read_text().splitlines() == rows


@pytest.mark.parametrize(
    ('arguments', 'words'),
    [
        (['none.yaml', '--out', 'out'], 'none.yaml'),
        (['table.json'], '--out'),
        (['table.json', '--out', 'out', '--resamples', '0'], '--resamples'),
        (['table.json', '--out', 'out', '--devices', 'cpu', 'cpu'], '--devices'),
        (['table.json', '--out', 'out', '--summary-only'], 'holds no result'),
        (['table.json', '--out', 'table.json'], 'table.json'),
    ],
)
def test_wrong_calls(data_root, tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'table.json').write_text(json.dumps(small_table(data_root)))
    outcome = command('experiments', *arguments)
    assert outcome.code == 2
    assert words in outcome.err
    assert outcome.err.startswith(('error: ', 'usage: '))
    assert not (tmp_path / 'out').exists()
