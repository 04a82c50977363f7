"""Writing files so that a name always stands for a complete one, and their digests."""

from __future__ import annotations

import errno
import glob
import hashlib
import os
import re
import secrets
import shutil
import socket
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from msvitreid.errors import ConfigError, OutputError

#: Errors of a write that no path explains: the disk or the quota is full, a limit is reached.
OUT_OF_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

#: Of what is being written, as :func:`temporary_path` names it.
TEMPORARY = re.compile(r'\..+\.(?P<pid>\d+)\.[0-9a-f]{8}\.tmp')


def sha256_of(path: str | os.PathLike[str]) -> str:
    """SHA-256 of a file, as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with open(path, 'rb') as file:
        while part := file.read(1 << 20):
            digest.update(part)
    return digest.hexdigest()


@contextmanager
def atomic_write(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A temporary file to write, which gets the name ``path`` when it is complete.

    It lies in the folder of ``path`` under a name that no other writer uses, of this process
    or another, and is flushed to the disk before it is renamed. An error removes it and
    leaves what was under ``path`` before; what killed writers of ``path`` left is removed too.

    Raises:
        OutputError: the file cannot be written; the folder must exist.
    """
    path = Path(path)
    remove_leftovers(path)
    temporary = temporary_path(path)
    try:
        yield temporary
        with open(temporary, 'rb') as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
        flush_folder(path.parent)
    except OSError as error:
        raise cannot_write(path, error) from error
    finally:
        remove_temporary(temporary)


def temporary_path(path: str | os.PathLike[str]) -> Path:
    """A name in the folder of ``path`` for what is being written under it.

    It says host and process of the writer, and no other call gives it.
    """
    path = Path(path)
    writer = f'{socket.gethostname()}.{os.getpid()}.{secrets.token_hex(4)}'
    return path.with_name(f'.{path.name}.{writer}.tmp')


def leftovers_of(path: str | os.PathLike[str]) -> list[Path]:
    """Temporary files and folders of ``path`` whose writers, on this host, were killed."""
    path = Path(path)
    beginning = glob.escape(f'.{path.name}.{socket.gethostname()}.')
    found = []
    for leftover in path.parent.glob(f'{beginning}*.tmp'):
        name = TEMPORARY.fullmatch(leftover.name)
        if name is not None and not is_running(int(name['pid'])):
            found.append(leftover)
    return sorted(found)


def remove_leftovers(path: str | os.PathLike[str]) -> None:
    """Remove :func:`leftovers_of` a path, as far as that is permitted."""
    for leftover in leftovers_of(path):
        remove_temporary(leftover)


def remove_temporary(path: Path) -> None:
    """Remove a temporary file or folder, as far as that is permitted."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink(missing_ok=True)


def is_running(pid: int) -> bool:
    """Whether a process of this host has that number."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        # It belongs to somebody else.
        return True
    return True


@contextmanager
def writing_into(folder: str | os.PathLike[str]) -> Iterator[None]:
    """A block in which other people's code writes files in ``folder``, such as logs.

    Raises:
        OutputError: in place of the system's error for a file there, or for a full disk.
    """
    try:
        yield
    except OSError as error:
        path = error.filename
        if isinstance(path, str) and Path(folder).absolute() in Path(path).absolute().parents:
            raise cannot_write(path, error) from error
        if path is None and error.errno in OUT_OF_SPACE:
            raise cannot_write(folder, error) from error
        raise


def write_text_atomically(path: str | os.PathLike[str], text: str) -> None:
    """Write a text file that appears under its name only when it is complete.

    Raises:
        OutputError: the file cannot be written, or its folder cannot be made.
    """
    make_folder(Path(path).parent)
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding='utf-8')


def make_folder(path: str | os.PathLike[str]) -> None:
    """Make a folder and those above it, unless they exist.

    Raises:
        OutputError: it cannot be made.
    """
    try:
        os.makedirs(path, exist_ok=True)
    except OSError as error:
        raise cannot_write(path, error) from error


def require_suffix(
    path: str | os.PathLike[str], suffixes: Sequence[str], what: str = ''
) -> str:
    """The suffix of a file to write, in lower case.

    Args:
        path: of the file.
        suffixes: those that can be written.
        what: the option that names it, for the message.

    Raises:
        ConfigError: it has another one.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in suffixes:
        shown = f'{what} {str(path)!r}'.lstrip()
        raise ConfigError(f'{shown} must end with {" or ".join(suffixes)}')
    return suffix


def require_writable(path: str | os.PathLike[str]) -> None:
    """Check, before long work, that its result can be written to the file ``path``.

    Nothing is left on the disk: missing folders are made when the file is written.

    Raises:
        OutputError: ``path`` is a folder, or no file can be made in the folder it names.
    """
    folder = Path(path).absolute().parent
    try:
        if os.path.isdir(path):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        while not folder.exists():
            folder = folder.parent
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise cannot_write(path, error) from error


def cannot_write(path: str | os.PathLike[str], error: OSError) -> OutputError:
    """The sentence for a write that the system refused."""
    # Libraries that write by themselves say at most that a write failed.
    if error.errno in (*OUT_OF_SPACE, errno.EIO, None):
        advice = 'free some space or choose another disk'
    elif error.errno == errno.ENOENT:
        advice = 'its folder is missing or was removed'
    else:
        advice = 'choose another place or change its permissions'
    return OutputError(f'{str(path)!r} cannot be written ({error.strerror or error}); {advice}')


def flush_folder(folder: Path) -> None:
    """Have the folder's entries survive a loss of power, where folders can be opened."""
    if os.name == 'nt':
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        # Some network file systems cannot flush a folder; the file itself is complete.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(handle)
