from __future__ import annotations

import errno
import os
import stat

MAX_BYTES = 2**29
# Where a file is opened although it changed after it was looked at: do not wait for a writer.
FLAGS = os.O_RDONLY | getattr(os, 'O_NONBLOCK', 0) | getattr(os, 'O_BINARY', 0)


def read_regular_file(path: str | os.PathLike) -> bytes:
    """All of a file that came with a dataset, and may be anything.

    A named pipe, which an archive can hold, would be waited for without end, and opening a
    device may do something; a sparse file of terabytes is a few bytes of an archive. None is
    opened. Files of ``/proc`` are regular ones of size 0, and reading some of them waits: of
    a file nothing is read beyond its size, and one of size 0 is not opened.

    Raises:
        OSError: it is missing, no regular file, larger than ``MAX_BYTES`` or cannot be
            read; ``strerror`` says which.
    """
    try:
        size = _size(os.stat(path))
        return b'' if not size else _read(path)
    except ValueError as error:  # a name that no file can have, such as one with a NUL
        raise OSError(errno.EINVAL, str(error)) from error


def _read(path: str | os.PathLike) -> bytes:
    with open(os.open(path, FLAGS), 'rb') as file:
        # What was looked at may have been exchanged since.
        return file.read(_size(os.fstat(file.fileno())))


def _size(status: os.stat_result) -> int:
    """Bytes of a file that may be opened."""
    kind = stat.S_IFMT(status.st_mode)
    if kind == stat.S_IFDIR:
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if kind != stat.S_IFREG:
        raise OSError(errno.EINVAL, 'a pipe, socket or device, not a file')
    if status.st_size > MAX_BYTES:
        raise OSError(errno.EFBIG, f'{status.st_size:,} bytes, more than {MAX_BYTES:,}')
    return status.st_size
