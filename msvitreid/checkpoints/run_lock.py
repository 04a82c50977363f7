"""One run a work directory."""

from __future__ import annotations

import errno
import json
import logging
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mmengine.logging import print_log

from msvitreid.errors import ConfigError
from msvitreid.utils.files import cannot_write

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

LOCK_NAME = 'run.lock'

#: What a file system answers that has no locks, such as some network file systems.
NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP)

_held: set[int] = set()


@contextmanager
def run_lock(work_dir: str | os.PathLike[str]) -> Iterator[None]:
    """Keep other runs out of ``work_dir``, which must exist, until the block ends.

    The lock is the operating system's, on the file ``run.lock``: it ends with the process,
    however that ends, also on another machine that shares the folder. The file names the host,
    the process and the time; it is removed at the end of the block.

    Where the file system has no locks, a warning is logged and nothing is locked.

    Raises:
        ConfigError: another run holds the lock; it names the host, the process and since when.
        OutputError: the folder cannot be written.
    """
    path = Path(work_dir) / LOCK_NAME
    handle = _acquire(path)
    if handle is None:
        print_log(
            f'{str(work_dir)!r} lies on a file system without locks: nothing keeps a second run '
            'from writing there too',
            level=logging.WARNING,
        )
        yield
        return
    _held.add(handle)
    try:
        yield
    finally:
        # While it is still locked, so that nobody else's file is removed.
        with suppress(OSError):
            if _is_at(path, handle):
                path.unlink()
        _held.discard(handle)
        os.close(handle)


def _acquire(path: Path) -> int | None:
    """Lock the file; the handle holds it. ``None`` where that is not supported."""
    if fcntl is None:
        return None
    while True:
        try:
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except OSError as error:
            raise cannot_write(path, error) from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Whoever held the lock may have removed the file in the meantime.
            if _is_at(path, handle):
                _write_holder(handle)
                return handle
        except BlockingIOError as error:
            sentence = _in_use(path.parent, handle)
            os.close(handle)
            raise ConfigError(sentence) from error
        except OSError as error:
            os.close(handle)
            with suppress(OSError):
                path.unlink()
            if error.errno not in NO_LOCKS:
                raise cannot_write(path, error) from error
            return None
        os.close(handle)


def _is_at(path: Path, handle: int) -> bool:
    try:
        return os.path.samestat(os.stat(path), os.fstat(handle))
    except FileNotFoundError:
        return False


def _write_holder(handle: int) -> None:
    since = time.strftime('%Y-%m-%d %H:%M:%S')
    holder = {'host': socket.gethostname(), 'pid': os.getpid(), 'since': since}
    content = json.dumps(holder).encode() + b'\n'
    os.pwrite(handle, content, 0)
    os.ftruncate(handle, len(content))


def _in_use(work_dir: Path, handle: int) -> str:
    try:
        holder = json.loads(os.pread(handle, 4096, 0))
        who = f'process {holder["pid"]} on {holder["host"]}, since {holder["since"]}'
    except (OSError, ValueError, KeyError, TypeError):
        # It has not written its name yet.
        who = 'it has just started'
    return (
        f'work_dir {str(work_dir)!r} is in use by another run ({who}); wait for its end, or '
        'give another --work-dir'
    )


def _close_in_child() -> None:
    """Leave the lock to the process that took it: its workers may outlive it by seconds."""
    for handle in _held:
        os.close(handle)
    _held.clear()


if hasattr(os, 'register_at_fork'):
    os.register_at_fork(after_in_child=_close_in_child)
