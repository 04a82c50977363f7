"""``benchmark gpu`` as on the day a GPU is there: emulated, cut off, with failing parts."""

from __future__ import annotations

import csv
import importlib
import os
import subprocess
import sys
import time

import pytest

from msvitreid.errors import ConfigError
from tests.tools.user import REPOSITORY, run

TOOL = 'analysis_tools/benchmark.py'
PACKAGE = 'benchmarks.gpu'


@pytest.fixture
def load(monkeypatch):
    """A module of the subject."""
    monkeypatch.syspath_prepend(str(REPOSITORY / 'tools' / 'analysis_tools'))
    return lambda name: importlib.import_module(f'{PACKAGE}.{name}')


def rows(path):
    with path.open(encoding='utf-8', newline='') as file:
        return list(csv.DictReader(file))


@pytest.fixture
def fake(load, monkeypatch):
    """Jobs without a device: the run with a worker that is a function here."""
    running, sizes = load('running'), load('sizes').EMULATED
    job_module = load('job')

    class Worker:
        answers = {}

        def __init__(self, given):
            self.facts = {'GPU': 'a GPU', 'bandwidth': 1e9}
            self.stopped = False

        def start(self):
            return ''

        def do(self, job, given, timeout):
            assert given.bandwidth == 1e9
            return self.answers.get(
                job.variant, job_module.Answer((job.result((0.5,), limit_seconds=0.25),))
            )

        def stop(self):
            self.stopped = True

    monkeypatch.setattr(running, 'Worker', Worker)

    def job(variant, **facts):
        return job_module.Job('forward', 'forward', 'a case', variant, '', **facts)

    def run_jobs(jobs, out, seconds=100):
        return running.run_jobs(jobs, sizes, out, time.monotonic() + seconds)

    return Worker, job_module.Answer, job, run_jobs


def test_a_failing_variant_is_a_row_and_the_run_goes_on(fake, tmp_path):
    """The class: what one variant's error costs; here one row, with the reason in its note."""
    worker, answer, job, run_jobs = fake
    worker.answers['broken'] = answer(failure='OutOfMemoryError: 80 GiB', fatal=True)
    run_jobs([job('plain'), job('broken'), job('module')], tmp_path)
    found = {row['variant']: row for row in rows(tmp_path / 'forward.csv')}
    assert list(found) == ['plain', 'broken', 'module']
    assert found['broken']['note'] == 'failed: OutOfMemoryError: 80 GiB'
    assert found['broken']['median_s'] == ''
    assert found['module']['speedup'] == '1'
    assert found['module']['times_limit'] == '2'
    assert found['module']['gpu'] == 'a GPU'
    page = (tmp_path / 'gpu.md').read_text()
    assert '| forward | 2 | 1 | 0 |' in page
    assert '- forward: a case: broken: OutOfMemoryError: 80 GiB' in page


def test_what_no_time_is_left_for_is_named_and_takes_no_rows_place(fake, tmp_path, capsys):
    _, _, job, run_jobs = fake
    run_jobs([job('long', estimate=200), job('short', estimate=1)], tmp_path)
    assert [row['variant'] for row in rows(tmp_path / 'forward.csv')] == ['short']
    page = (tmp_path / 'gpu.md').read_text()
    assert '| forward | 1 | 0 | 1 |' in page
    assert 'a case: long: ' in page.partition('## Skipped')[2]
    assert 'long: skipped' in capsys.readouterr().out


def test_a_cut_off_run_keeps_what_it_has(fake, tmp_path):
    worker, _, job, run_jobs = fake
    normal = worker.do

    def cut_off(self, job, given, timeout):
        if job.variant == 'second':
            raise KeyboardInterrupt
        return normal(self, job, given, timeout)

    worker.do = cut_off
    with pytest.raises(KeyboardInterrupt):
        run_jobs([job('first'), job('second')], tmp_path)
    assert [row['variant'] for row in rows(tmp_path / 'forward.csv')] == ['first']
    assert '| forward | 1 | 0 | 0 |' in (tmp_path / 'gpu.md').read_text()


def test_wrong_numbers_are_a_failure(fake, tmp_path):
    worker, answer, job, run_jobs = fake
    wrong = job('kernel').result((1.0,), note='WRONG: output differs by 0.3')
    worker.answers['kernel'] = answer((wrong,))
    (entry,) = run_jobs([job('kernel')], tmp_path)
    assert entry.state == 'failed'
    assert 'differs by 0.3' in (tmp_path / 'gpu.md').read_text().partition('## Failed')[2]


def test_a_lost_process_is_a_failure_and_is_replaced(load, monkeypatch):
    """The class: kernels that break the process, or never end."""
    module = load('worker')
    child = (
        'import os, sys, time\n'
        'from multiprocessing.connection import Connection\n'
        'c = Connection(int(sys.argv[-1])); c.recv(); c.send({"GPU": "x"})\n'
        'job = c.recv()[0]\n'
        'os._exit(7) if job == "crash" else time.sleep(60)\n'
    )
    popen = subprocess.Popen
    started = []

    def start(command, **options):
        started.append(popen([sys.executable, '-c', child, command[-1]], **options))
        return started[-1]

    monkeypatch.setattr(module.subprocess, 'Popen', start)
    worker = module.Worker(None)
    assert 'ended with code 7' in worker.do('crash', None, 30).failure
    assert 'stopped after' in worker.do('hang', None, 3).failure
    assert len(started) == 2
    assert all(process.poll() is not None for process in started)


def test_exceptions_are_one_line_and_a_broken_device_is_seen(load, monkeypatch):
    module, sizes = load('worker'), load('sizes').EMULATED
    torch = importlib.import_module('torch')
    job = load('job').Job('p', 's', 'c', 'v', 'nets:no_such_function')
    failed = module.answer(job, sizes)
    assert failed.failure.startswith('AttributeError: ')
    assert not failed.fatal

    def lost():
        raise RuntimeError('CUDA error: an illegal memory access was encountered')

    monkeypatch.setattr(torch.cuda, 'is_initialized', lambda: True)
    monkeypatch.setattr(torch.cuda, 'synchronize', lost)
    assert module.answer(job, sizes).fatal
    error = ValueError('\n\nfirst\nsecond')
    assert module.first_line(error) == 'first'


def test_missing_needs_are_one_sentence(load, monkeypatch):
    module = load('needs')
    here = module.find_spec
    gone = {'mmengine', 'yapf'}
    monkeypatch.setattr(module, 'find_spec', lambda name: None if name in gone else here(name))
    monkeypatch.setattr('torch.cuda.is_available', lambda: False)
    with pytest.raises(ConfigError, match=r'needs mmengine, yapf, a CUDA device') as caught:
        module.require_needs(emulated=False)
    assert '\n' not in str(caught.value)
    gone.clear()
    module.require_needs(emulated=True)
    monkeypatch.setattr('torch.__version__', '2.3.1')
    with pytest.raises(ConfigError, match=r'torch >= 2.4'):
        module.require_needs(emulated=True)


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ('--minutes 0', '--minutes is 0'),
        ('--emulate', '--emulate measures nothing; give --out'),
        (
            '--emulate --parts no --out OUT',
            "--parts 'no' is unknown; there are gpu tests, forward",
        ),
        ('', 'a CUDA device (torch sees none)'),
    ],
)
def test_bad_options_are_one_sentence(options, message, tmp_path, monkeypatch):
    monkeypatch.setattr('torch.cuda.is_available', lambda: False)
    options = options.replace('OUT', str(tmp_path / 'out'))
    outcome = run(TOOL, 'gpu', *options.split())
    assert outcome.code == 2
    assert message in outcome.err
    assert len(outcome.err.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_every_kind_of_job_is_in_both_plans(load):
    """The emulation runs what the GPU runs; tests come first, then the forward pass of s."""
    plan, sizes = load('plan'), load('sizes')
    jobs = plan.plan_jobs(sizes.published_sizes(12_936))
    emulated = plan.plan_jobs(sizes.EMULATED)
    assert {job.function for job in jobs} == {job.function for job in emulated}
    assert {job.part for job in jobs} == {job.part for job in emulated}
    assert [job.variant for job in jobs[:5]] == ['', 'plain', 'module', 'fused', 'kernels']
    assert jobs[1].case == 'msvit_s 384x128, batch 256, amp float16'
    keys = [(job.subject, job.case, job.variant) for job in jobs]
    assert len(set(keys)) == len(keys)


def test_outcomes_of_tests(load, tmp_path, monkeypatch):
    suite = load('suite')
    output = (
        'tests/a.py::test_one PASSED  [ 10%]\ntests/a.py::test_two[a b] FAILED [ 20%]\n'
        'tests/b.py::test_three SKIPPED (needs)\ntests/c.py::test_four ERROR\n'
    )
    text, passed = suite.summarize(output)
    assert text == (
        '1 passed, 1 failed, 1 skipped, 1 with errors: `a.py::test_two[a b]`, `c.py::test_four`'
    )
    assert not passed
    suite.add_row(tmp_path, 'a GPU', 'torch 2', text)
    suite.add_row(tmp_path, 'a GPU', 'torch 3', 'all well')
    lines = (tmp_path / 'gpu_tests.md').read_text().splitlines()
    assert not any('none so far' in line for line in lines)
    assert [line.split(' | ')[2] for line in lines[-2:]] == ['torch 2', 'torch 3']
    assert 'tests/models/test_gpu.py' in suite.gpu_test_files()
    monkeypatch.setattr(suite, 'find_spec', lambda name: None)
    assert suite.run_suite([], 1, tmp_path / 'log')[0] == 'not run: pytest is not installed'


@pytest.mark.slow
def test_every_part_leaves_its_rows(tmp_path):
    # The interpreter of 3.0 takes constants of a kernel that another one calls for numbers.
    pytest.importorskip('triton', '3.1')
    out = tmp_path / 'out'
    done = subprocess.run(
        [
            *(sys.executable, '-m', 'msvitreid', 'benchmark', 'gpu', '--emulate'),
            *('--minutes', '60', '--out', out),
        ],
        env={**os.environ, 'PYTHONPATH': str(REPOSITORY), 'TRITON_INTERPRET': '1'},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    page = (out / 'gpu.md').read_text()
    assert '## Failed' not in page
    assert '## Skipped' not in page
    names = {'forward', 'train-step', 'kernels', 'ranking', 'rerank', 'gallery', 'profile'}
    for name in names | {'training'}:
        found = rows(out / f'{name}.csv')
        assert found
        for row in found:
            assert row['median_s'], row
            assert row['gpu'].startswith('none')
    assert {'plain', 'module', 'fused', 'kernels', 'kernels, compiled'} <= {
        row['variant'] for row in rows(out / 'forward.csv')
    }
    assert (out / 'profile-gpu.png').read_bytes().startswith(b'\x89PNG')
    assert 'skipped |' in (out / 'gpu_tests.md').read_text().splitlines()[-1]
