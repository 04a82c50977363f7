"""Marks of a review: pairs of images that a person called same, different or cannot tell.

The file is an SQLite database with one table, ``log``: a row for each mark and for each undo, which
are only ever added. The marks that hold are those of no undo, and of several of one pair the last.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Literal, NamedTuple, get_args

from msvitreid.errors import ReviewError
from msvitreid.utils.files import require_writable
from msvitreid.utils.printable import printable

Answer = Literal['same', 'different', 'cannot tell']
ANSWERS: tuple[str, ...] = get_args(Answer)

#: Says, in the header of the file, that it is one of marks.
APPLICATION, FORMAT = 0x4D53524D, 1
LONGEST_REVIEWER = 80

SCHEMA = {
    'log': 'CREATE TABLE log (number INTEGER PRIMARY KEY, time TEXT NOT NULL, '
    "action TEXT NOT NULL CHECK (action IN ('mark', 'undo')), query TEXT NOT NULL, "
    'hit TEXT NOT NULL, one TEXT NOT NULL, other TEXT NOT NULL, '
    "answer TEXT NOT NULL CHECK (answer IN ('same', 'different', 'cannot tell')), "
    'reviewer TEXT NOT NULL, undoes INTEGER UNIQUE REFERENCES log (number))',
    'log_one': 'CREATE INDEX log_one ON log (one)',
    'log_other': 'CREATE INDEX log_other ON log (other)',
}
_COLUMNS = 'number, time, query, hit, answer, reviewer'
_HOLDING = "action = 'mark' AND number NOT IN (SELECT undoes FROM log WHERE undoes IS NOT NULL)"


class Image(NamedTuple):
    """An image of a pair.

    Attributes:
        kind: ``gallery``, or ``upload`` for a query that was uploaded.
        name: the id in the gallery, or the SHA-256 of the uploaded file and its box.
    """

    kind: Literal['gallery', 'upload']
    name: str

    @property
    def text(self) -> str:
        """As it is stored, with its kind, so that no id can be taken for an upload."""
        return f'{self.kind}:{self.name}'

    @classmethod
    def of_text(cls, text: str) -> Image:
        kind, _, name = text.partition(':')
        return cls('upload' if kind == 'upload' else 'gallery', name)


class Mark(NamedTuple):
    """One mark: its ``number`` in the log, when it was made, of what, and by whom."""

    number: int
    time: str
    query: Image
    hit: Image
    answer: str
    reviewer: str


class MarkStore:
    """The marks in a file, which is made if it is not there; threads may share an object.

    Several processes may use one file. A mark is on the disk when :meth:`add` returns.

    Raises:
        ReviewError: the file is another one, or damaged.
        OutputError: it cannot be written.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        require_writable(path)
        self._lock = threading.Lock()
        with self._errors():
            self._database = sqlite3.connect(
                path, isolation_level=None, check_same_thread=False, timeout=30
            )
        try:
            with self._errors():
                self._prepare()
        except BaseException:
            self._database.close()
            raise

    def add(self, query: Image, hit: Image, answer: str, reviewer: str = '') -> Mark:
        """Mark a pair; see :meth:`add_all`."""
        return self.add_all(query, [hit], answer, reviewer)[0]

    def add_all(
        self, query: Image, hits: Sequence[Image], answer: str, reviewer: str = ''
    ) -> list[Mark]:
        """Mark the pairs of a query with several images, all or none.

        The same answer as a pair has already adds nothing.

        Raises:
            ReviewError: the answer is none, a pair is one image, or the reviewer's name is too
                long.
        """
        if answer not in ANSWERS:
            raise ReviewError(f'a mark must be one of {", ".join(ANSWERS)}, got {answer!r:.80}')
        if query in hits:
            raise ReviewError(f'{printable(query.name)!r} cannot be marked with itself')
        if len(reviewer) > LONGEST_REVIEWER or not reviewer.isprintable():
            raise ReviewError(
                f'a reviewer is named by at most {LONGEST_REVIEWER} printable characters'
            )
        marks = []
        with self._transaction():
            for hit in hits:
                one, other = sorted((query.text, hit.text))
                known = self._select(f'one = ? AND other = ? AND {_HOLDING}', [one, other])
                if known and known[-1].answer == answer:
                    marks.append(known[-1])
                    continue
                values = query.text, hit.text, one, other, answer, reviewer, None
                marks.append(self._append('mark', *values))
        return marks

    def undo(self, number: int | None = None, reviewer: str = '') -> Mark:
        """Undo a mark, or the last one; see :meth:`undo_all`."""
        return self.undo_all([number], reviewer)[0]

    def undo_all(self, numbers: Sequence[int | None], reviewer: str = '') -> list[Mark]:
        """Undo marks, all or none; the answers that their pairs had before hold again.

        Args:
            numbers: of the marks; None is the last one that holds.
            reviewer: who does it.

        Raises:
            ReviewError: there is no such mark, or it is undone already.
        """
        marks = []
        with self._transaction():
            for number in numbers:
                which = 'number = ? AND ' if number is not None else ''
                found = self._select(which + _HOLDING, [] if number is None else [number])
                if not found:
                    what = 'mark' if number is None else f'mark {number}'
                    raise ReviewError(f'there is no {what} that could be undone')
                mark = found[-1]
                query, hit = mark.query.text, mark.hit.text
                one, other = sorted((query, hit))
                values = query, hit, one, other, mark.answer, reviewer, mark.number
                self._append('undo', *values)
                marks.append(mark)
        return marks

    def holding(self, image: Image | None = None) -> list[Mark]:
        """The marks that hold, of all pairs or of those with an image, oldest first."""
        pair = '' if image is None else '(one = ? OR other = ?) AND '
        parameters = [] if image is None else [image.text, image.text]
        latest = f'SELECT max(number) FROM log WHERE {pair}{_HOLDING} GROUP BY one, other'
        with self._lock, self._errors():
            return self._select(f'number IN ({latest})', parameters)

    def answers_for(self, image: Image) -> dict[str, Mark]:
        """The mark of each image of the gallery that has one together with ``image``."""
        return {
            other.name: mark
            for mark in self.holding(image)
            for other in (mark.query, mark.hit)
            if other != image and other.kind == 'gallery'
        }

    def close(self) -> None:
        with self._lock:
            self._database.close()

    def _prepare(self) -> None:
        run = self._database.execute
        run('PRAGMA trusted_schema = OFF')
        run('PRAGMA synchronous = FULL')
        with self._transaction():
            query = (
                "SELECT name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite^_%' ESCAPE '^'"
            )
            found = dict(run(query))
            kind = run('PRAGMA application_id').fetchone()[0]
            version = run('PRAGMA user_version').fetchone()[0]
            if not found and kind == 0:
                for statement in SCHEMA.values():
                    run(statement)
                run(f'PRAGMA application_id = {APPLICATION}')
                run(f'PRAGMA user_version = {FORMAT}')
            elif found != SCHEMA or kind != APPLICATION or version != FORMAT:
                raise ReviewError(
                    f'{str(self.path)!r} is no file of marks of this version; give another one'
                )

    def _append(self, *values: str | int | None) -> Mark:
        time = datetime.now(timezone.utc).isoformat(timespec='milliseconds')
        cursor = self._database.execute(
            'INSERT INTO log (time, action, query, hit, one, other, answer, reviewer, undoes) '
            'VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)',
            (time, *values),
        )
        return self._select('number = ?', [cursor.lastrowid])[0]

    def _select(self, where: str, parameters: Sequence[str | int | None]) -> list[Mark]:
        rows = self._database.execute(
            f'SELECT {_COLUMNS} FROM log WHERE {where} ORDER BY number', parameters
        )
        return [
            Mark(number, time, Image.of_text(query), Image.of_text(hit), answer, reviewer)
            for number, time, query, hit, answer, reviewer in rows
        ]

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._lock, self._errors():
            self._database.execute('BEGIN IMMEDIATE')
            try:
                yield
                self._database.execute('COMMIT')
            except BaseException:
                if self._database.in_transaction:
                    self._database.execute('ROLLBACK')
                raise

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise ReviewError(
                f'the file of marks {str(self.path)!r} cannot be used ({error}); free some '
                'space, restore a copy of it, or give another one'
            ) from error
