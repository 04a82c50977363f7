"""Class of faults: two runs in one work directory both succeed and overwrite each other."""

import errno
import fcntl
import multiprocessing
import os
import re
import signal
import socket
import time

import pytest

from msvitreid.checkpoints.run_lock import LOCK_NAME, run_lock
from msvitreid.errors import ConfigError, OutputError

FORK = multiprocessing.get_context('fork')


def test_a_second_run_is_refused_by_name(tmp_path):
    with run_lock(tmp_path):
        holder = (tmp_path / LOCK_NAME).read_bytes()
        with (
            pytest.raises(ConfigError, match='in use by another run') as error,
            run_lock(tmp_path),
        ):
            pass
        assert (tmp_path / LOCK_NAME).read_bytes() == holder
    who = f'process {os.getpid()} on {re.escape(socket.gethostname())}'
    assert re.search(rf'{who}, since \d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d', str(error.value))


@pytest.mark.parametrize('spelling', ['link', 'link/../work', './work/.', 'absolute'])
def test_other_spellings_of_the_folder(tmp_path, monkeypatch, spelling):
    (tmp_path / 'work').mkdir()
    (tmp_path / 'link').symlink_to('work')
    monkeypatch.chdir(tmp_path)
    path = os.path.join(tmp_path, 'work') if spelling == 'absolute' else spelling
    with (
        run_lock('work'),
        pytest.raises(ConfigError, match='in use by another run'),
        run_lock(path),
    ):
        pass
    with run_lock('link'), pytest.raises(ConfigError, match='in use'), run_lock('work'):
        pass
    assert os.listdir('work') == []


def test_nothing_is_left(tmp_path):
    for _ in range(2):
        with run_lock(tmp_path):
            assert os.listdir(tmp_path) == [LOCK_NAME]
        assert os.listdir(tmp_path) == []


def hold(work_dir, channel):
    """Hold the lock with a worker process, as a loader's, that outlives this one."""
    with run_lock(work_dir):
        worker = FORK.Process(target=time.sleep, args=(20,))
        worker.start()
        channel.send(worker.pid)
        time.sleep(20)


def test_it_ends_with_its_process_at_once(tmp_path):
    reader, writer = FORK.Pipe(duplex=False)
    holder = FORK.Process(target=hold, args=(tmp_path, writer))
    holder.start()
    worker = reader.recv()
    try:
        with pytest.raises(ConfigError, match=f'process {holder.pid} on'), run_lock(tmp_path):
            pass
        os.kill(holder.pid, signal.SIGKILL)
        holder.join()
        with run_lock(tmp_path):
            assert str(os.getpid()) in (tmp_path / LOCK_NAME).read_text()
    finally:
        os.kill(worker, signal.SIGKILL)
        holder.kill()


def test_a_holder_that_has_written_nothing_yet(tmp_path):
    with (tmp_path / LOCK_NAME).open('w') as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(ConfigError, match='just started'), run_lock(tmp_path):
            pass


def test_a_folder_that_was_removed_meanwhile(tmp_path):
    with run_lock(tmp_path):
        (tmp_path / LOCK_NAME).unlink()
        (tmp_path / LOCK_NAME).write_text('of another run')
    assert (tmp_path / LOCK_NAME).read_text() == 'of another run'


def test_a_file_system_without_locks_is_warned_of(tmp_path, monkeypatch, capsys):
    def unsupported(*_):
        raise OSError(errno.ENOLCK, 'No locks available')

    monkeypatch.setattr(fcntl, 'flock', unsupported)
    with run_lock(tmp_path):
        assert os.listdir(tmp_path) == []
    printed = capsys.readouterr()
    assert 'without locks' in printed.out + printed.err


def test_a_folder_that_cannot_be_written():
    with pytest.raises(OutputError, match='/proc/'), run_lock('/proc'):
        pass
