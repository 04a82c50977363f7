from __future__ import annotations

import errno
import os
import stat

MAX_BYTES = 2**29
# Where a file is opened although it changed after it was looked at: do not wait for a writer.
FLAGS = os.O_RDONLY | getattr(os, 'O_NONBLOCK', 0) | getattr(os, 'O_BINARY', 0)


def size_of_regular_file(path: str | os.PathLike[str]) -> int:
    """Bytes of a file that may be anything, without opening it.

    Opening a named pipe waits for a writer; a device or a link to one may give data for ever.
    Files of ``/proc``, such as ``/proc/kmsg``, claim to be regular and to be empty, and reading
    them may wait as well: do not open what has a size of 0.

    Raises:
        OSError: it is missing, a folder or no regular file; ``strerror`` says which.
    """
    try:
        return _size(os.stat(path))
    except ValueError as error:  # a name that no file can have, such as one with a NUL
        raise OSError(errno.EINVAL, str(error)) from error


def read_regular_file(path: str | os.PathLike[str]) -> bytes:
    """All of a file that came with a dataset, and may be anything.

    Neither a named pipe nor a sparse file of terabytes, which is a few bytes of an archive, is
    opened; an empty file is not either. Nothing is read beyond the size.

    Raises:
        OSError: it is missing, no regular file, larger than ``MAX_BYTES`` or cannot be
            read; ``strerror`` says which.
    """
    size = size_of_regular_file(path)
    _require_bearable(size)
    if not size:
        return b''
    with open(os.open(path, FLAGS), 'rb') as file:
        # What was looked at may have been exchanged since.
        size = _size(os.fstat(file.fileno()))
        _require_bearable(size)
        return file.read(size)


def _size(status: os.stat_result) -> int:
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, 'a pipe, socket or device, not a file')
    return status.st_size


def _require_bearable(size: int) -> None:
    if size > MAX_BYTES:
        raise OSError(errno.EFBIG, f'{size:,} bytes, more than {MAX_BYTES:,}')
