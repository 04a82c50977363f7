"""Checking an embedded gallery, clearing up after a killed writer, and compaction."""

from __future__ import annotations

import os
import re
import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from msvitreid.checkpoints.run_lock import LOCK_NAME
from msvitreid.errors import GalleryError
from msvitreid.utils.files import atomic_write, cannot_write, sha256_of
from msvitreid.utils.printable import printable

from . import approximate, database
from .checks import TOLERANCE, read_metadata
from .database import State, damaged
from .items import Report
from .stored_precision import row_bytes
from .vectors import VectorFile, file_name

_OURS = re.compile(r'vectors-\d{6,}\.bin|index-\d{6,}\.faiss|\..*\.tmp')
"""Files that a writer makes and removes; others are left alone."""

Batches = list[tuple[int, int, int]]
"""First row, number of rows and checksum of what was written at once."""


class Compacted(NamedTuple):
    """A new file of vectors and its batches."""

    file: int
    rows: int
    batches: Batches


def recover(connection: sqlite3.Connection, folder: Path, state: State) -> None:
    """Remove what a writer left that was killed, and files that are not used any more.

    Raises:
        OutputError: vectors that were never committed cannot be cut off.
    """
    current = folder / file_name(state.file)
    length = state.rows * row_bytes(state.precision, state.dimension)
    try:
        if current.stat().st_size > length:
            os.truncate(current, length)
    except OSError as error:
        raise cannot_write(current, error) from error
    for name in _names(folder) - _used(connection, state):
        if _OURS.fullmatch(name):
            # Where a reader keeps a file from being removed, the next writer tries again.
            with suppress(OSError):
                (folder / name).unlink()


def verify(
    connection: sqlite3.Connection, folder: Path, state: State, vectors: VectorFile
) -> Report:
    """Compare the database with itself and with the file of vectors, all of which is read."""
    problems = [
        f'{database.NAME}: {printable(text)}'
        for (text,) in connection.execute('PRAGMA integrity_check(10)')
        if text != 'ok'
    ]
    users = np.zeros(state.rows, np.int64)
    items = 0
    query = 'SELECT slot, id, metadata, hash FROM items'
    for slot, id_, text, hash_ in connection.execute(query):
        items += 1
        try:
            read_metadata(text, id_, hash_)
        except GalleryError as error:
            problems.append(str(error))
        problems += _use(users, slot, f'the item {printable(str(id_))!r}')
    for (slot,) in connection.execute('SELECT slot FROM tombstones'):
        problems += _use(users, slot, 'a tombstone')
    if (users != 1).any():
        problems.append(f'{int((users != 1).sum())} vectors have no item, or more than one')
    try:
        for start, raw in _checked_batches(connection, folder, vectors):
            lengths = np.linalg.norm(vectors.at(np.arange(start, start + len(raw))), axis=1)
            wrong = ~(np.abs(lengths - 1) <= 2 * TOLERANCE)
            if wrong.any():
                problems.append(
                    f'the vector {start + int(np.argmax(wrong))} has no unit length'
                )
    except GalleryError as error:
        problems.append(str(error))
    known = {database.NAME, LOCK_NAME, *(f'{database.NAME}-{end}' for end in ('wal', 'shm'))}
    for name in sorted(_names(folder) - known - _used(connection, state)):
        if not name.endswith('.tmp'):
            problems.append(f'{printable(name)!r} is no file of this gallery')
    return Report(items, problems)


def write_compacted(
    connection: sqlite3.Connection,
    folder: Path,
    state: State,
    vectors: VectorFile,
    live: np.ndarray,
) -> Compacted:
    """A new file with the vectors of all items, which nothing refers to yet.

    Raises:
        GalleryError: a vector is damaged; nothing is written then.
        OutputError: the disk is full or cannot be written.
    """
    batches: Batches = []
    rows = 0
    with (
        atomic_write(folder / file_name(state.file + 1)) as temporary,
        open(temporary, 'wb') as file,
    ):
        for start, raw in _checked_batches(connection, folder, vectors):
            kept = np.ascontiguousarray(raw[live[start : start + len(raw)]])
            if len(kept):
                file.write(kept.data)
                batches.append((rows, len(kept), zlib.crc32(kept.data)))
                rows += len(kept)
    return Compacted(state.file + 1, rows, batches)


def switch(connection: sqlite3.Connection, live: np.ndarray, compacted: Compacted) -> None:
    """Have items refer to the new file; part of a transaction."""
    # Places only become smaller, so in ascending order none is taken twice.
    old = np.flatnonzero(live)
    moved = old != np.arange(len(old))
    pairs = zip(np.flatnonzero(moved).tolist(), old[moved].tolist(), strict=True)
    connection.executemany('UPDATE items SET slot = ? WHERE slot = ?', pairs)
    for table in ('tombstones', 'batches', 'approximate'):
        connection.execute(f'DELETE FROM {table}')
    connection.executemany('INSERT INTO batches VALUES (?, ?, ?)', compacted.batches)
    connection.execute('UPDATE state SET file = ?, rows = ?', (compacted.file, compacted.rows))


def write_index(
    folder: Path, index: Any, facts: approximate.IndexFacts
) -> approximate.IndexFacts:
    """Write an index, and complete what is recorded of it.

    Raises:
        OutputError: the disk is full or cannot be written.
    """
    path = folder / approximate.file_name(facts.number)
    with atomic_write(path) as temporary:
        try:
            approximate.load_faiss().write_index(index, str(temporary))
        except RuntimeError as error:
            raise OSError(str(error)) from error
    return facts._replace(sha256=sha256_of(path))


def _checked_batches(
    connection: sqlite3.Connection, folder: Path, vectors: VectorFile
) -> Iterator[tuple[int, np.ndarray]]:
    """Each batch's first row and bytes, after its checksum was compared."""
    end = 0
    for start, rows, crc in connection.execute(
        'SELECT * FROM batches ORDER BY start'
    ).fetchall():
        if not all(isinstance(one, int) for one in (start, rows, crc)):
            break
        if start != end or not 0 < rows <= vectors.rows - start:
            break
        raw = vectors.raw(start, start + rows)
        if zlib.crc32(raw.data) != crc:
            raise damaged(folder, f'the checksum of the vectors {start} to {start + rows - 1}')
        yield start, raw
        end += rows
    if end != vectors.rows:
        raise damaged(folder, f'the vectors from {end} on have no checksum')


def _use(users: np.ndarray, slot: object, who: str) -> list[str]:
    if not isinstance(slot, int) or not 0 <= slot < len(users):
        return [f'{who} has no vector']
    users[slot] += 1
    return []


def _used(connection: sqlite3.Connection, state: State) -> set[str]:
    rows = connection.execute('SELECT number FROM approximate')
    return {
        file_name(state.file),
        *(approximate.file_name(row[0]) for row in rows if isinstance(row[0], int)),
    }


def _names(folder: Path) -> set[str]:
    return set(os.listdir(folder))
