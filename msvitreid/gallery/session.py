"""One process's connection to an embedded gallery: what is committed, and changes of it."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np

from msvitreid.checkpoints.run_lock import run_lock
from msvitreid.errors import ConfigError, GalleryError

from . import database, maintenance
from .database import State, damaged, database_errors, transaction
from .vectors import VectorFile, file_name

_ATTEMPTS = 10

_MOST_UNUSED = 2**20
"""Vectors without item or tombstone, which verify lists; with more there is no gallery."""


class Snapshot(NamedTuple):
    """What was committed at one moment; ``live`` is None if every row has an item."""

    state: State
    vectors: VectorFile
    live: np.ndarray | None


class Session:
    """Transactions of one process, whose threads take turns.

    Args:
        path: the gallery's folder.
        readonly: leave the writer's lock to others.

    Raises:
        GalleryError: the gallery is missing or damaged, or another process writes it.
    """

    def __init__(self, path: Path, readonly: bool) -> None:
        self.path = path
        self.lock = threading.RLock()
        self._readonly = readonly
        self._stack = ExitStack()
        self._snapshot: Snapshot | None = None
        try:
            # Before the lock's file is written, which might be a link.
            database.require_gallery(path)
            if not readonly:
                self._stack.enter_context(_only_writer(path))
            self.database = database.connect(path, readonly)
            self._stack.callback(self.database.close)
            if not readonly:
                self.recover()
        except BaseException:
            self._stack.close()
            raise

    def close(self) -> None:
        with self.lock:
            self._snapshot = None
            self._stack.close()

    def recover(self) -> None:
        """Remove what belongs to no commit."""
        with self.reading() as snapshot:
            maintenance.recover(self.database, self.path, snapshot.state)

    @contextmanager
    def reading(self) -> Iterator[Snapshot]:
        """The last commit, as long as the block lasts."""
        with self.lock, database_errors(self.path):
            self._require_open()
            for attempts in range(_ATTEMPTS, 0, -1):
                self.database.execute('BEGIN')
                try:
                    self._snapshot = self._load(self._snapshot)
                    break
                except FileNotFoundError as error:
                    # A compaction removed the file of vectors before it was opened.
                    self.database.execute('ROLLBACK')
                    if attempts == 1:
                        raise damaged(self.path, f'{error.filename} is missing') from error
                except BaseException:
                    self.database.execute('ROLLBACK')
                    raise
            try:
                yield self._snapshot  # type: ignore[misc]
            finally:
                self.database.execute('ROLLBACK')

    def _load(self, known: Snapshot | None) -> Snapshot:
        state = database.read_state(self.database, self.path)
        if known is not None and known.state.version == state.version:
            return known
        self._require_used(state.rows)
        vectors = VectorFile(
            self.path / file_name(state.file), state.precision, state.dimension, state.rows
        )
        rows = self.database.execute('SELECT slot FROM tombstones')
        dead = np.fromiter((row[0] for row in rows), np.int64)
        live = None
        if len(dead):
            if not 0 <= dead.min() <= dead.max() < state.rows:
                raise damaged(self.path, 'a tombstone has no vector')
            live = np.ones(state.rows, dtype=bool)
            live[dead] = False
        return Snapshot(state, vectors, live)

    def _require_used(self, rows: int) -> None:
        """Check a claimed number of rows before memory is taken for each.

        A file of terabytes can be made of a few bytes, rows of the database cannot.
        """
        if rows <= _MOST_UNUSED:
            return
        query = 'SELECT (SELECT count(*) FROM items) + (SELECT count(*) FROM tombstones)'
        used = self.database.execute(query).fetchone()[0]
        if rows - used > _MOST_UNUSED:
            raise damaged(self.path, f'of {rows:,} vectors only {used:,} have an item')

    @contextmanager
    def writing(self) -> Iterator[State]:
        """A transaction that becomes the next version."""
        self.require_writable()
        with self.lock, database_errors(self.path):
            self._require_open()
            with transaction(self.database, 'IMMEDIATE'):
                yield database.read_state(self.database, self.path)
                self.database.execute('UPDATE state SET version = version + 1')

    def require_writable(self) -> None:
        if self._readonly:
            raise GalleryError(f'the gallery {str(self.path)!r} was opened read-only')

    def _require_open(self) -> None:
        try:
            self.database.in_transaction  # noqa: B018
        except sqlite3.ProgrammingError as error:
            raise GalleryError(f'the gallery {str(self.path)!r} is closed') from error


@contextmanager
def _only_writer(path: Path) -> Iterator[None]:
    with ExitStack() as stack:
        try:
            stack.enter_context(run_lock(path))
        except ConfigError as error:
            raise GalleryError(
                f'the gallery {str(path)!r} is being written by another process; wait for its '
                f'end, or open it read-only'
            ) from error
        yield
