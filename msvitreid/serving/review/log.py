"""The log of a review in an SQLite file, to which entries are only ever added.

A row is a mark of a pair, a note on one image, or the undo of one of these. Those that hold are
undone by no row, and of several of one pair, or of one image and action, the last one holds.
Entries that were made together, such as those of a merge, have the same ``change``.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path

from msvitreid.errors import ReviewError
from msvitreid.utils.files import require_writable

from .entries import Image, Mark, Note
from .schema import prepare
from .state import ReviewState

LONGEST_TEXT = 80
"""Of a reviewer's name, and of a reason."""

WAIT_SECONDS = 5.0
"""For other changes to end, of this process and of others: all who wait hold a thread."""

HOLDING = "action <> 'undo' AND number NOT IN (SELECT undoes FROM log WHERE undoes IS NOT NULL)"
"""Of a row: it is not undone."""

_COLUMNS = 'number, time, action, query, hit, answer, reviewer, change'

NOT_READ = ReviewState(-1, [], [])
Entry = Mark | Note
Append = Callable[..., Entry]


class BusyMarksError(ReviewError):
    """Others use the file of marks for so long that nothing is waited for."""


class ReviewLog:
    """The rows of the file, which is made if it is not there, and the entries that hold.

    See :class:`~.store.MarkStore` for threads, processes and errors.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        require_writable(path)
        self._lock = threading.Lock()
        self._state = NOT_READ
        self._latest: dict[tuple[str, str, str], Entry] = {}
        with self._errors():
            self._database = sqlite3.connect(
                path, isolation_level=None, check_same_thread=False, timeout=WAIT_SECONDS
            )
        try:
            with self._errors():
                self._database.execute('PRAGMA trusted_schema = OFF')
                self._database.execute('PRAGMA synchronous = FULL')
            with self._transaction():
                prepare(self._database, self.path)
        except BaseException:
            self._database.close()
            raise

    @property
    def state(self) -> ReviewState:
        """What holds now; kept until the next entry, of whatever process."""
        with self._turn(), self._errors():
            return self.read_state()

    def history(self, before: int | None = None, limit: int = 100) -> list[dict[str, object]]:
        """Rows of the log, newest first, those before a number.

        Each has ``number``, ``time``, ``action``, ``images`` (one or two), ``value``,
        ``reviewer``, ``change``, ``undoes`` (of an undo) and ``holds``: it is not undone.
        """
        query = (
            'SELECT number, time, action, query, hit, answer, reviewer, change, undoes, '
            "action <> 'undo' AND NOT EXISTS (SELECT 1 FROM log l WHERE l.undoes = log.number) "
            'FROM log WHERE number < ? ORDER BY number DESC LIMIT ?'
        )
        last = 2**63 - 1 if before is None else before
        with self._turn(), self._errors():
            rows = self._database.execute(query, [last, limit]).fetchall()
        names = 'number', 'time', 'action', 'images', 'value', 'reviewer', 'change', 'undoes'
        return [
            {
                **dict(zip(names, (*row[:3], _images(*row[3:5]), *row[5:9]), strict=True)),
                'holds': bool(row[9]),
            }
            for row in rows
        ]

    def close(self) -> None:
        with self._lock:
            self._database.close()

    def read_state(self) -> ReviewState:
        """As :attr:`state`, within a change."""
        (version,) = self._database.execute('SELECT max(number) FROM log').fetchone()
        version = version or 0
        if self._state is NOT_READ:
            latest = f'SELECT max(number) FROM log WHERE {HOLDING} GROUP BY action, one, other'
            found = self.select(f'number IN ({latest})')
            self._latest = {_key(entry): entry for entry in found}
        elif self._state.version != version:
            self._read_since(self._state.version)
        if self._state.version != version:
            entries = sorted(self._latest.values(), key=lambda entry: entry.number)
            marks = [entry for entry in entries if isinstance(entry, Mark)]
            notes = [entry for entry in entries if isinstance(entry, Note)]
            self._state = ReviewState(version, marks, notes)
        return self._state

    def _read_since(self, number: int) -> None:
        """What holds of the pairs, and images and actions, of entries after a number."""
        query = (
            'SELECT DISTINCT coalesce(undone.action, new.action), new.one, new.other FROM log new '
            'LEFT JOIN log undone ON undone.number = new.undoes WHERE new.number > ?'
        )
        for key in self._database.execute(query, [number]).fetchall():
            self._latest.pop(key, None)
            if found := self.holding_of(*key):
                self._latest[key] = found

    def holding_of(self, action: str, one: str, other: str) -> Entry | None:
        """The entry of a pair, or of an image and action, that holds."""
        where = f'action = ? AND one = ? AND other = ? AND {HOLDING}'
        return next(iter(self.select(where, [action, one, other], newest=True, limit=1)), None)

    def select(
        self,
        where: str,
        parameters: Sequence[str | int | None] = (),
        newest: bool = False,
        limit: int = -1,
    ) -> list[Entry]:
        """Marks and notes, of rows that meet a condition in SQL; within a change."""
        order = 'DESC' if newest else 'ASC'
        rows = self._database.execute(
            f'SELECT {_COLUMNS} FROM log WHERE {where} ORDER BY number {order} LIMIT {limit}',
            parameters,
        )
        return [_entry(*row) for row in rows]

    @contextmanager
    def changing(self, reviewer: str) -> Iterator[Append]:
        """A transaction, and what appends an entry to its change.

        Raises:
            ReviewError: the reviewer's name is too long, or two identities with different names
                would become one.
        """
        require_short(reviewer, 'a reviewer')
        numbers: list[int] = []

        def append(
            action: str, query: str, hit: str, answer: str, undoes: int | None = None
        ) -> Entry:
            time = datetime.now(timezone.utc).isoformat(timespec='milliseconds')
            one, other = (query, hit) if not hit else sorted((query, hit))
            (last,) = self._database.execute('SELECT max(number) FROM log').fetchone()
            number = (last or 0) + 1
            numbers.append(number)
            values = number, time, action, query, hit, one, other, answer, reviewer, undoes
            self._database.execute(
                'INSERT INTO log VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
                (*values, numbers[0]),
            )
            return _entry(number, time, action, query, hit, answer, reviewer, numbers[0])

        with self._transaction():
            yield append
            if numbers:
                self.read_state().require_one_name_each()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._turn(), self._errors():
            self._database.execute('BEGIN IMMEDIATE')
            try:
                yield
                self._database.execute('COMMIT')
            except BaseException:
                self._state = NOT_READ
                if self._database.in_transaction:
                    self._database.execute('ROLLBACK')
                raise

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if not self._lock.acquire(timeout=2 * WAIT_SECONDS):
            raise self._busy()
        try:
            yield
        finally:
            self._lock.release()

    def _busy(self) -> BusyMarksError:
        return BusyMarksError(
            f'the file of marks {str(self.path)!r} is in use; try again, or close the other '
            'program that has it open'
        )

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            if 'is locked' in str(error):
                raise self._busy() from error
            raise ReviewError(
                f'the file of marks {str(self.path)!r} cannot be used ({error}); free some '
                'space, restore a copy of it, or give another one'
            ) from error


def require_short(text: str, what: str) -> None:
    """Raises:
    ReviewError: the text is too long, or has characters that show nothing.
    """
    if len(text) > LONGEST_TEXT or not text.isprintable():
        raise ReviewError(f'{what} is given by at most {LONGEST_TEXT} printable characters')


def _key(entry: Entry) -> tuple[str, str, str]:
    if isinstance(entry, Mark):
        one, other = sorted((entry.query.text, entry.hit.text))
        return 'mark', one, other
    return entry.action, entry.image.text, ''


def _entry(
    number: int,
    time: str,
    action: str,
    query: str,
    hit: str,
    answer: str,
    reviewer: str,
    change: int,
) -> Entry:
    if hit:
        images = Image.of_text(query), Image.of_text(hit)
        return Mark(number, time, *images, answer, reviewer, change)
    return Note(number, time, action, Image.of_text(query), answer, reviewer, change)


def _images(query: str, hit: str) -> list[dict[str, str]]:
    return [
        {'kind': image.kind, 'name': image.name}
        for image in (Image.of_text(text) for text in (query, hit) if text)
    ]
