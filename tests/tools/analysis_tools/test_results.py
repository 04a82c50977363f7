from __future__ import annotations

import csv
import importlib
import time

import pytest

from tests.tools.user import REPOSITORY


@pytest.fixture(autouse=True)
def tools_on_path(monkeypatch):
    monkeypatch.syspath_prepend(str(REPOSITORY / 'tools' / 'analysis_tools'))


@pytest.fixture
def module(tools_on_path):
    return importlib.import_module('benchmarks.results')


@pytest.fixture
def timing(tools_on_path):
    return importlib.import_module('benchmarks.timing')


@pytest.fixture
def results(module):
    return [
        module.Result('s', 'large', 'plain', (4.0, 6.0, 20.0), limit_seconds=2.0),
        module.Result('s', 'large', 'fast', (1.0, 3.0, 4.0), memory_mib=1234.6, note='equal'),
        module.Result('s', 'small', 'fast', (0.25,), limit_seconds=0.1),
        module.Result('s', 'small', 'plain', (0.5, 1.5)),
        module.Result('s', 'memory', 'fast', (), memory_mib=7.0),
    ]


def test_speedup_is_the_median_of_the_rounds_ratios(results):
    speedups = [result.speedup(results) for result in results]
    # 4/1, 6/3, 20/4; of different numbers of rounds the medians' ratio; no plain, no ratio.
    assert speedups == [1.0, 4.0, 4.0, 1.0, None]


def test_distance_from_the_limit_is_the_medians(results):
    assert [result.times_limit for result in results] == [3.0, None, 2.5, None, None]


def test_table(module, results):
    assert module.as_table(results).splitlines() == [
        'case    variant  median (min-max)        speed-up  x limit  MiB    note',
        'large   plain    6 s (4 s-20 s)          1.00      3.00',
        'large   fast     3 s (1 s-4 s)           4.00               1,235  equal',
        'small   fast     250 ms (250 ms-250 ms)  4.00      2.50',
        'small   plain    1 s (500 ms-1.5 s)      1.00',
        'memory  fast                                                7',
    ]


def test_csv_keeps_other_machines_and_cases(module, results, tmp_path, monkeypatch):
    path = tmp_path / 'folder' / 'results.csv'
    module.write_csv(path, results)
    facts = module.environment()
    monkeypatch.setattr(module, 'environment', lambda gpu: {**facts, 'cpu': 'another'})
    module.write_csv(path, results[:1])
    monkeypatch.undo()
    module.write_csv(path, [module.Result('s', 'large', 'fast', (9.0,))])

    with path.open(encoding='utf-8', newline='') as file:
        rows = list(csv.DictReader(file))
    measured = {(row['cpu'], row['case'], row['variant']): row for row in rows}
    assert len(rows) == len(measured) == 6
    here = facts['cpu']
    assert measured[here, 'large', 'fast']['median_s'] == '9'
    assert measured['another', 'large', 'plain']['median_s'] == '6'
    plain = measured[here, 'large', 'plain']
    assert (plain['min_s'], plain['max_s'], plain['rounds']) == ('4', '20', '3')
    assert (plain['limit_s'], plain['times_limit'], plain['speedup']) == ('2', '3', '1')
    assert measured[here, 'memory', 'fast']['median_s'] == ''
    assert plain['torch'] == facts['torch']
    assert plain['threads'] == facts['threads']


def test_csv_keeps_a_gpu_beside_the_cpu(module, results, tmp_path):
    path = tmp_path / 'results.csv'
    module.write_csv(path, results[:1])
    module.write_csv(path, results[:1], 'a GPU')
    module.write_csv(path, results[:1], 'a GPU')
    with path.open(encoding='utf-8', newline='') as file:
        assert [row['gpu'] for row in csv.DictReader(file)] == ['', 'a GPU']


def test_paired_calls_take_turns(timing, capsys):
    calls = []

    def one():
        calls.append('one')
        time.sleep(0.02)

    seconds = timing.paired({'one': one, 'two': lambda: calls.append('two')}, 3, warmup=2)
    assert calls == ['one', 'two'] * 5
    assert [len(times) for times in seconds.values()] == [3, 3]
    assert min(seconds['one']) >= 0.02 > max(seconds['two'])
    assert 'timing one, two' in capsys.readouterr().err


def test_peak_memory_is_that_of_the_call(timing):
    mib = 1 << 20
    assert timing.peak_memory(bytearray, 64 * mib) == pytest.approx(64, abs=8)
    # 40 MiB that are freed and 30 that were there before do not add up.
    kept = bytearray(30 * mib)

    def call():
        for _ in range(3):
            bytearray(40 * mib)
        return kept[0]

    assert timing.peak_memory(call) == pytest.approx(40, abs=8)


def test_a_call_that_fails_is_reported(timing, capfd):
    with pytest.raises(RuntimeError, match='exit code 1'):
        timing.peak_memory(lambda: 1 / 0)
    assert 'ZeroDivisionError' in capfd.readouterr().err


def test_what_took_no_time_is_not_so_many_times_as_fast(module):
    """A kind of operation that a variant does not have, in a profile."""
    results = [
        module.Result('profile', 'pooling', 'plain', (0.2, 0.4), 'plain'),
        module.Result('profile', 'pooling', 'ours', (0.0, 0.1), 'plain'),
    ]
    assert results[1].speedup(results) is None
    assert results[0].speedup(results) == 1
