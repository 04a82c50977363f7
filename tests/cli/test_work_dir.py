"""tools/train.py and tools/test.py: the work directory never loses or mixes runs."""

import os
import resource
import shutil
import subprocess
import sys

from msvitreid.checkpoints.run_lock import run_lock
from tests.tools.user import REPOSITORY, SMALL, leaf, options, run

MARKET = leaf('msvit-s_market1501')


def given(data_root, **changes):
    return options({**SMALL, 'data_root': data_root, 'train_cfg.max_epochs': 1, **changes})


def everything(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob('*')}


def test_a_second_start_is_refused(data_root, trained, tmp_path):
    """Class of faults: two runs in one work directory both exit with 0."""
    work = shutil.copytree(trained, tmp_path / 'work')
    for flags in ([], ['--resume'], ['--resume', work / 'epoch_1.pth']):
        with run_lock(work):
            before = everything(work)
            outcome = run('train.py', MARKET, '--work-dir', work, *flags, *given(data_root))
            assert everything(work) == before
        assert outcome.code == 2
        (line,) = outcome.err.splitlines()
        assert f"'{work}' is in use by another run (process {os.getpid()} on " in line


def test_testing_goes_on_during_training(data_root, trained, tmp_path):
    work = shutil.copytree(trained, tmp_path / 'work')
    small = given(data_root, work_dir=work)
    with run_lock(work):
        outcome = run('test.py', MARKET, work / 'averaged.pth', *small)
    assert outcome.code == 0, outcome.err


def test_a_result_that_cannot_be_written_is_refused_first(data_root, trained, tmp_path):
    """Class of faults: a long command finds out at its end that its result has no place."""
    work = tmp_path / 'a' / 'work'
    flags = ['--out', '/proc/result.json', '--work-dir', work]
    outcome = run('test.py', MARKET, trained / 'averaged.pth', *flags, *given(data_root))
    assert outcome.code == 2
    assert "'/proc/result.json' cannot be written" in outcome.err
    assert outcome.out == ''
    assert os.listdir(tmp_path) == []


def test_a_full_disk_is_one_sentence(data_root, tmp_path):
    """Class of faults: a disk that is full ends in a traceback and half a checkpoint."""
    limit = 100_000  # bytes of a file; a checkpoint has more, the log less

    def limited():
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    work = tmp_path / 'work'
    script = str(REPOSITORY / 'tools' / 'train.py')
    command = [sys.executable, script, MARKET, '--work-dir', str(work), *given(data_root)]
    done = subprocess.run(command, capture_output=True, text=True, preexec_fn=limited)
    assert done.returncode == 2, done.stderr[-2000:]
    (line,) = (line for line in done.stderr.splitlines() if 'error' in line.lower())
    assert line == done.stderr.splitlines()[-1]
    assert 'epoch_1.pth' in line
    assert 'cannot be written (File too large)' in line
    assert 'Traceback' not in done.stderr
    assert list(work.glob('*.pth')) == list(work.glob('.*')) == []
    # The run had started, so its log stays.
    assert len(list(work.glob('*/*.log'))) == 1
