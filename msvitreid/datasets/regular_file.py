from __future__ import annotations

import errno
import os
import stat

MAX_BYTES = 2**29


def read_regular_file(path: str | os.PathLike) -> bytes:
    """All of a file that came with a dataset, and may be anything.

    A named pipe, which an archive can hold, would be waited for without end; a sparse file
    of terabytes is a few bytes of an archive. Neither is opened.

    Raises:
        OSError: it is missing, no regular file, larger than ``MAX_BYTES`` or cannot be
            read; ``strerror`` says which.
    """
    try:
        status = os.stat(path)
    except ValueError as error:  # a name that no file can have, such as one with a NUL
        raise OSError(errno.EINVAL, str(error)) from error
    if stat.S_IFMT(status.st_mode) not in (stat.S_IFREG, stat.S_IFDIR):
        raise OSError(errno.EINVAL, 'a pipe, socket or device, not a file')
    if status.st_size > MAX_BYTES:
        raise OSError(errno.EFBIG, f'{status.st_size:,} bytes, more than {MAX_BYTES:,}')
    with open(path, 'rb') as file:
        return file.read()
