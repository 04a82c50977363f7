"""The SQLite file of an embedded gallery: its rows, and what is committed.

A row of ``items`` exists for each item, with the place of its vector. Places that no item uses
any more are in ``tombstones``. SQLite commits to the disk (WAL, ``synchronous=FULL``), so readers
see the last commit while another process writes.
"""

from __future__ import annotations

import errno
import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from msvitreid.errors import GalleryError
from msvitreid.utils.files import cannot_write
from msvitreid.utils.printable import printable

from .checks import check_header

NAME = 'gallery.sqlite'
FORMAT = 1

SCHEMA = {
    'state': 'CREATE TABLE state (format INTEGER NOT NULL, dimension INTEGER NOT NULL, '
    'fingerprint TEXT NOT NULL, precision TEXT NOT NULL, file INTEGER NOT NULL, '
    'rows INTEGER NOT NULL, version INTEGER NOT NULL, kept INTEGER NOT NULL, '
    'wanted INTEGER NOT NULL)',
    'items': 'CREATE TABLE items (slot INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, '
    'hash TEXT, metadata TEXT NOT NULL CHECK (json_valid(metadata)))',
    'tombstones': 'CREATE TABLE tombstones (slot INTEGER PRIMARY KEY)',
    'batches': 'CREATE TABLE batches (start INTEGER PRIMARY KEY, rows INTEGER NOT NULL, '
    'crc INTEGER NOT NULL)',
    'approximate': 'CREATE TABLE approximate (kind TEXT NOT NULL, number INTEGER NOT NULL, '
    'file INTEGER NOT NULL, rows INTEGER NOT NULL, recall REAL NOT NULL, '
    'sample INTEGER NOT NULL, sha256 TEXT NOT NULL)',
    'items_hash': 'CREATE INDEX items_hash ON items (hash)',
    **{
        f'items_{column}': f'CREATE INDEX items_{column} ON items '
        f"""(json_extract(metadata, '$."{column}"'))"""
        for column in ('pid', 'camera', 'time')
    },
}


class State(NamedTuple):
    """What is committed.

    Attributes:
        format: of this schema.
        dimension: of an embedding.
        fingerprint: of the model.
        precision: of the stored vectors.
        file: number of the file of vectors.
        rows: vectors in it that count; what follows them was never committed.
        version: grows with every change.
        kept: of the 10 nearest in float32, how many are so in the stored precision.
        wanted: how many were compared for that.
    """

    format: int
    dimension: int
    fingerprint: str
    precision: str
    file: int
    rows: int
    version: int
    kept: int
    wanted: int


def connect(folder: Path, readonly: bool) -> sqlite3.Connection:
    """Open the database of a gallery that others made, and may be anything.

    Raises:
        GalleryError: it is damaged or of another kind.
    """
    path = folder / NAME
    mode = 'rw'
    if readonly and not os.access(folder, os.W_OK):
        # Nothing can write there, so that nothing has to be locked.
        wal = path.with_name(f'{NAME}-wal')
        mode = 'ro' if wal.exists() and wal.stat().st_size else 'ro&immutable=1'
    with database_errors(folder):
        connection = _connect(path, mode)
        try:
            # A stranger's schema calls no function; ours uses those for JSON.
            connection.execute('PRAGMA trusted_schema = OFF')
            _check_schema(connection, folder)
            connection.execute('PRAGMA trusted_schema = ON')
            connection.execute(f'PRAGMA query_only = {int(readonly)}')
            if not readonly:
                connection.execute('PRAGMA journal_mode = WAL')
        except BaseException:
            connection.close()
            raise
    return connection


def create(folder: Path, dimension: int, fingerprint: str, precision: str) -> None:
    """Write the database of an empty gallery."""
    with database_errors(folder):
        connection = _connect(folder / NAME, 'rwc')
        try:
            connection.execute('PRAGMA journal_mode = WAL')
            connection.execute('BEGIN')
            for statement in SCHEMA.values():
                connection.execute(statement)
            state = State(FORMAT, dimension, fingerprint, precision, 1, 0, 0, 0, 0)
            connection.execute(f'INSERT INTO state VALUES ({_marks(state)})', state)
            connection.execute('COMMIT')
        finally:
            connection.close()


def read_state(connection: sqlite3.Connection, folder: Path) -> State:
    """The only row of the table ``state``, checked.

    Raises:
        GalleryError: it is not what a gallery of this format has.
    """
    rows = connection.execute('SELECT * FROM state LIMIT 2').fetchall()
    if len(rows) == 1:
        state = State(*rows[0])
        numbers = [one for one in state if not isinstance(one, str)]
        if state.format != FORMAT:
            raise GalleryError(
                f'{str(folder)!r} has the gallery format {state.format!r:.20}; this version '
                f'reads {FORMAT}'
            )
        if all(isinstance(one, int) and one >= 0 for one in numbers) and len(numbers) == 7:
            check_header(state.dimension, state.fingerprint, state.precision)
            return state
    raise damaged(folder, 'its state is missing or not of numbers')


@contextmanager
def transaction(connection: sqlite3.Connection, kind: str) -> Iterator[None]:
    """``BEGIN`` and ``COMMIT``; an error undoes what was done between."""
    connection.execute(f'BEGIN {kind}')
    try:
        yield
        connection.execute('COMMIT')
    except BaseException:
        if connection.in_transaction:
            connection.execute('ROLLBACK')
        raise


@contextmanager
def database_errors(folder: Path) -> Iterator[None]:
    """SQLite's errors as sentences."""
    try:
        yield
    except sqlite3.Error as error:
        text = str(error)
        if 'full' in text or 'disk I/O' in text or 'unable to open' in text:
            # A quota or a limit of a file's size is an I/O error to SQLite.
            code = errno.EIO if 'unable to open' in text else errno.ENOSPC
            raise cannot_write(folder / NAME, OSError(code, text)) from error
        if 'readonly' in text or 'read-only' in text:
            raise cannot_write(folder / NAME, OSError(errno.EROFS, text)) from error
        if 'locked' in text:
            raise GalleryError(
                f'{str(folder)!r} is locked by another process; wait for its end'
            ) from error
        raise damaged(folder, printable(text)) from error
    except UnicodeDecodeError as error:
        raise damaged(folder, 'its texts are no Unicode') from error


def damaged(folder: Path, what: str) -> GalleryError:
    """The error of a folder whose files contradict each other."""
    return GalleryError(
        f'{str(folder)!r} is damaged or no gallery ({what}); restore a copy of it, or build it '
        f'again'
    )


def require_gallery(folder: Path) -> None:
    """Check that a folder holds a gallery, before SQLite opens it.

    Raises:
        GalleryError: the folder or its database is missing, it holds a link or anything else but
            plain files, or a rollback journal: a gallery writes none, and SQLite would delete the
            file that it names.
    """
    try:
        entries = list(os.scandir(folder))
    except (OSError, ValueError) as error:
        raise GalleryError(
            f'{str(folder)!r} is no gallery: it is no folder that can be read'
        ) from error
    for entry in entries:
        try:
            mode = entry.stat(follow_symlinks=False).st_mode
        except FileNotFoundError:  # A writer has removed it.
            continue
        if not stat.S_ISREG(mode):
            raise GalleryError(
                f'{str(folder)!r} is no gallery: {entry.name!r} in it is no plain file'
            )
        if entry.name == f'{NAME}-journal':
            raise GalleryError(
                f'{str(folder)!r} is no gallery: it holds {entry.name!r}, which no gallery writes; '
                'use another copy'
            )
    if not (folder / NAME).is_file():
        raise GalleryError(f'{str(folder)!r} is no gallery: it holds no file {NAME}')


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f'{path.absolute().as_uri()}?mode={mode}',
        uri=True,
        isolation_level=None,
        check_same_thread=False,
        timeout=30,
    )
    connection.execute('PRAGMA cell_size_check = ON')
    connection.execute('PRAGMA synchronous = FULL')
    connection.execute('PRAGMA secure_delete = ON')
    return connection


def _check_schema(connection: sqlite3.Connection, folder: Path) -> None:
    # What has no text of its own is an index that SQLite makes for a UNIQUE column.
    query = 'SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL'
    found = connection.execute(query).fetchall()
    if len(found) != len(SCHEMA) or dict(found) != SCHEMA:
        raise damaged(folder, f'the tables in {NAME} are others')


def _marks(values: tuple[Any, ...]) -> str:
    return ', '.join('?' * len(values))
