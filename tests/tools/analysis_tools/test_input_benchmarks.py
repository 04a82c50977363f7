"""The benchmarks of the input and of the start, in small."""

from __future__ import annotations

import argparse
import importlib
from pathlib import Path

import pytest

TOOLS = Path(__file__).parents[3] / 'tools' / 'analysis_tools'


@pytest.fixture
def benchmark(monkeypatch):
    monkeypatch.syspath_prepend(str(TOOLS))
    return lambda name: importlib.import_module(f'benchmarks.{name}')


def test_pipeline(benchmark):
    module = benchmark('pipeline')
    parser = argparse.ArgumentParser()
    module.add_arguments(parser)
    results = module.run(
        argparse.Namespace(rounds=2, **vars(parser.parse_args(['--images=2'])))
    )
    variants = ['plain', 'ours', 'ours, floats on the CPU', 'ours, kept in memory']
    assert [result.variant for result in results] == variants * 2
    for result in results:
        assert len(result.seconds) == 2
        assert result.speedup(results) > 0
        assert result.note.endswith('images/s a core')


@pytest.mark.parametrize('number', [0, 1])
def test_what_is_compared_makes_the_same_batch(benchmark, number, tmp_path):
    module = benchmark('pipeline')
    case = module.CASES[number]
    paths = module._draw_pictures(case, str(tmp_path), 1)
    expected = module._Chain(case, keep=False)(paths)['inputs']
    assert expected.shape == (1, 3, *case.size)
    kept = module._Chain(case, keep=True)
    for _ in range(2):
        assert kept(paths)['inputs'].equal(expected)
    module.seed_everything((0, 0, 0, 0, 0))
    assert module._plain_batch(case, paths).mul(255).round().byte().equal(expected)


def test_startup(benchmark, monkeypatch):
    module = benchmark('startup')
    monkeypatch.setattr(module, 'STATEMENTS', {'nothing': 'pass', 'torch': 'import math'})
    results = module._imports(rounds=1)
    assert [result.variant for result in results] == ['nothing', 'torch']
    assert all(result.note.endswith('s to torch') for result in results)


def test_a_training_that_fails_is_no_measurement(benchmark, tmp_path):
    module = benchmark('startup')
    with pytest.raises(RuntimeError, match='ended before its first step'):
        module._train_one_step(str(tmp_path / 'missing'), str(tmp_path / 'work'))
