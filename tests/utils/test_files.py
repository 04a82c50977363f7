import errno
import multiprocessing
import os
import socket
import stat

import pytest

from msvitreid.errors import ConfigError, OutputError
from msvitreid.utils.files import (
    atomic_write,
    require_suffix,
    require_writable,
    write_text_atomically,
)


def refusing(number):
    """What a function of ``os`` does on a full disk or a read-only file system."""

    def refuse(*_):
        raise OSError('failed') if number is None else OSError(number, os.strerror(number))

    return refuse


def test_writes_and_makes_folders(tmp_path):
    write_text_atomically(tmp_path / 'a' / 'b.json', '{}')
    assert (tmp_path / 'a' / 'b.json').read_text() == '{}'
    assert os.listdir(tmp_path / 'a') == ['b.json']


@pytest.mark.parametrize(
    ('number', 'advice'),
    [
        (errno.ENOSPC, 'free some space'),
        # What libraries say of a full disk.
        (errno.EIO, 'free some space'),
        (None, 'free some space'),
        (errno.EROFS, 'another place'),
    ],
)
@pytest.mark.parametrize('function', ['replace', 'fsync'])
def test_a_failure_leaves_what_was_there(function, number, advice, tmp_path, monkeypatch):
    """Class of faults: a write that fails half-way ends in a traceback or a half file."""
    (tmp_path / 'b.json').write_text('before')
    monkeypatch.setattr(os, function, refusing(number))
    with pytest.raises(OutputError, match=rf"b\.json' cannot be written .*{advice}"):
        write_text_atomically(tmp_path / 'b.json', '{}')
    assert os.listdir(tmp_path) == ['b.json']
    assert (tmp_path / 'b.json').read_text() == 'before'


def test_two_writers_of_a_name_do_not_meet(tmp_path):
    """Class of faults: two writers share a temporary file, and one publishes half of it.

    A reader saw a truncated file under the final name 3,676 times of 3,793.
    Of 100 pairs of writers, each whole file must have been seen 200 times, and no other.
    """
    path, seen = tmp_path / 'a', []
    for _ in range(100):
        with atomic_write(path) as slow, slow.open('w') as file:
            file.write('begun, ')
            file.flush()
            with atomic_write(path) as quick:
                quick.write_text('quick')
            seen.append(path.read_text())
            file.write('ended')
        seen.append(path.read_text())
    assert (seen.count('quick'), seen.count('begun, ended'), len(seen)) == (100, 100, 200)
    assert os.listdir(tmp_path) == ['a']


def test_a_folder_that_is_gone_is_not_made_again(tmp_path):
    with pytest.raises(OutputError, match='folder is missing'), atomic_write(tmp_path / 'a/b'):
        pass
    assert os.listdir(tmp_path) == []


def test_others_may_read_what_the_umask_lets_them(tmp_path):
    with atomic_write(tmp_path / 'a') as temporary:
        temporary.write_text('')
    (tmp_path / 'b').write_text('')
    mode, usual = (stat.S_IMODE(os.stat(tmp_path / name).st_mode) for name in 'ab')
    assert mode == usual


def test_a_folder_that_cannot_be_flushed_does_not_matter(tmp_path, monkeypatch):
    """Some network file systems answer fsync of a folder with EINVAL."""
    flush = os.fsync

    def fsync(handle):
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, 'Invalid argument')
        flush(handle)

    monkeypatch.setattr(os, 'fsync', fsync)
    write_text_atomically(tmp_path / 'a', 'x')
    assert (tmp_path / 'a').read_text() == 'x'


def test_what_can_be_written_is_found_out_without_a_trace(tmp_path):
    require_writable(tmp_path / 'a' / 'b' / 'c.json')
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize('path', ['/proc/c.json', '{}/file/c.json', '{}', '{}/file/a/c.json'])
def test_what_cannot_be_written_is_refused(path, tmp_path):
    (tmp_path / 'file').touch()
    with pytest.raises(OutputError, match='cannot be written'):
        require_writable(path.format(tmp_path))


@pytest.fixture
def dead():
    """The number of a process that has ended."""
    process = multiprocessing.get_context('fork').Process(target=int)
    process.start()
    process.join()
    return process.pid


def test_what_killed_writers_left_goes_with_the_next_write(tmp_path, dead):
    """Class of faults: every kill leaves a file, perhaps of gigabytes, that nobody removes."""
    host = socket.gethostname()
    (tmp_path / f'.a.{host}.{dead}.0123abcd.tmp').write_text('half')
    folder = tmp_path / f'.a.{host}.{dead}.4567abcd.tmp'
    folder.mkdir()
    (folder / 'b').touch()
    kept = [
        f'.a.{host}.{os.getpid()}.0123abcd.tmp',
        f'.a.{host}.{os.getppid()}.0123abcd.tmp',
        f'.a.other.{dead}.0123abcd.tmp',
        f'.aa.{host}.{dead}.0123abcd.tmp',
        f'.a.b.{host}.{dead}.0123abcd.tmp',
        '.a.tmp',
    ]
    for name in kept:
        (tmp_path / name).touch()
    write_text_atomically(tmp_path / 'a', 'x')
    assert sorted(os.listdir(tmp_path)) == sorted([*kept, 'a'])


def test_names_are_no_patterns(tmp_path, dead):
    leftover = f'.[ab]*.{socket.gethostname()}.{dead}.0123abcd.tmp'
    others = f'.ac.{socket.gethostname()}.{dead}.0123abcd.tmp'
    for name in (leftover, others):
        (tmp_path / name).touch()
    write_text_atomically(tmp_path / '[ab]*', 'x')
    assert sorted(os.listdir(tmp_path)) == sorted([others, '[ab]*'])


def test_the_suffix_of_a_file_to_write():
    assert require_suffix('a/b.CSV', ['.json', '.csv']) == '.csv'
    with pytest.raises(ConfigError, match=r"--out 'a\.txt' must end with \.json or \.csv"):
        require_suffix('a.txt', ['.json', '.csv'], '--out')
