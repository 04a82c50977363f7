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
from typing import TYPE_CHECKING

from msvitreid.errors import ReviewError
from msvitreid.utils.files import require_writable
from msvitreid.utils.printable import printable

from .entries import ANSWERS, Image, Mark, Note
from .schema import prepare
from .state import ReviewState

if TYPE_CHECKING:
    from .changes import Plan

LONGEST_TEXT = 80
"""Of a reviewer's name, and of a reason."""

WAIT_SECONDS = 5.0
"""For other changes to end, of this process and of others: all who wait hold a thread."""

_COLUMNS = 'number, time, action, query, hit, answer, reviewer, change'
_HOLDING = (
    "action <> 'undo' AND number NOT IN (SELECT undoes FROM log WHERE undoes IS NOT NULL)"
)

NOT_READ = ReviewState(-1, [], [])
Entry = Mark | Note


class BusyMarksError(ReviewError):
    """Others use the file of marks for so long that nothing is waited for."""


class MarkStore:
    """The log in a file, which is made if it is not there; threads may share an object.

    Several processes may use one file. Every change is a transaction, and on the disk when its
    call returns. A file of the previous format is upgraded when it is opened.

    Raises:
        ReviewError: the file is another one, or damaged.
        OutputError: it cannot be written.
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
            return self._read_state()

    def add(self, query: Image, hit: Image, answer: str, reviewer: str = '') -> Mark:
        """Mark a pair; see :meth:`add_all`."""
        return self.add_all(query, [hit], answer, reviewer)[0]

    def add_all(
        self, query: Image, hits: Sequence[Image], answer: str, reviewer: str = ''
    ) -> list[Mark]:
        """Mark the pairs of a query with several images, all or none.

        The same answer as a pair has already adds nothing.

        Raises:
            ReviewError: the answer is none, a pair is one image, the reviewer's name is too
                long, or two identities with different names would become one.
        """
        if answer not in ANSWERS:
            raise ReviewError(f'a mark must be one of {", ".join(ANSWERS)}, got {answer!r:.80}')
        return self.add_pairs([(query, hit, answer) for hit in hits], reviewer)

    def add_pairs(
        self, pairs: Sequence[tuple[Image, Image, str]], reviewer: str = ''
    ) -> list[Mark]:
        """Mark pairs, each with its answer, as one change; see :meth:`add_all`."""
        for one, other, _ in pairs:
            if one == other:
                raise ReviewError(f'{printable(one.name)!r} cannot be marked with itself')
        with self._changing(reviewer) as append:
            return [self._mark(append, *pair) for pair in pairs]

    def note_all(
        self, action: str, images: Sequence[Image], value: str, reviewer: str = ''
    ) -> list[Note]:
        """Say the same of several images, as one change; what is said already adds nothing.

        Raises:
            ReviewError: the reviewer's name or, of a set aside image, the reason is too long.
        """
        if action == 'aside':
            require_short(value, 'a reason')
        with self._changing(reviewer) as append:
            return [self._note(append, action, image, value) for image in images]

    def apply(
        self,
        plan_of: Callable[[ReviewState], Plan],
        digest: str | None = None,
        reviewer: str = '',
    ) -> tuple[int, Plan]:
        """Carry out a plan as one change; its number is that of the change.

        Args:
            plan_of: makes the plan from what holds, within the transaction.
            digest: of the plan that was shown; None for one that needs no confirmation.
            reviewer: who does it.

        Raises:
            ReviewError: the plan is another one by now, or cannot be made; or two identities
                would have one name, or one identity two.
        """
        with self._changing(reviewer) as append:
            plan = plan_of(self._read_state())
            if digest is not None and digest != plan.digest:
                raise ReviewError(
                    'this is not what was shown, as somebody has changed it since; look at the '
                    'scope again, then confirm it'
                )
            entries: list[Entry] = [self._mark(append, *pair) for pair in plan.marks]
            entries += [self._note(append, *note) for note in plan.notes]
            return max((entry.change for entry in entries), default=0), plan

    def undo(self, number: int | None = None, reviewer: str = '') -> Mark:
        """Undo a mark, or the last one; see :meth:`undo_all`."""
        return self.undo_all([number], reviewer)[0]

    def undo_all(self, numbers: Sequence[int | None], reviewer: str = '') -> list[Mark]:
        """Undo marks, all or none; the answers that their pairs had before hold again.

        Args:
            numbers: of the marks; None is the last one that holds.
            reviewer: who does it.

        Raises:
            ReviewError: there is no such mark, or it is undone already; or a name could not
                hold again.
        """
        marks = []
        with self._changing(reviewer) as append:
            for number in numbers:
                which = "action = 'mark' AND " + (
                    'number = ? AND ' if number is not None else ''
                )
                parameters = [] if number is None else [number]
                found = self._select(which + _HOLDING, parameters, newest=True, limit=1)
                if not found:
                    what = 'mark' if number is None else f'mark {number}'
                    raise ReviewError(f'there is no {what} that could be undone')
                self._undo(append, found[0])
                marks.append(found[0])
        return marks  # type: ignore[return-value]

    def undo_change(
        self, change: int | None = None, reviewer: str = '', number: int | None = None
    ) -> list[Entry]:
        """Undo all entries of a change, or of the last one; what was before holds again.

        Args:
            change: number of its first entry; None for that of the last entry that holds.
            reviewer: who does it.
            number: of the only entry to undo, in place of a change.

        Raises:
            ReviewError: there is no such change, or it is undone already; or a name could not
                hold again.
        """
        with self._changing(reviewer) as append:
            if change is None and number is None:
                last = self._select(_HOLDING, newest=True, limit=1)
                change = last[0].change if last else None
            what = 'change' if change is None else f'change {change}'
            where, parameters = 'change = ?', [change]
            if number is not None:
                what, where, parameters = f'entry {number}', 'number = ?', [number]
            found = self._select(f'{where} AND {_HOLDING}', parameters)
            if not found:
                raise ReviewError(f'there is no {what} that could be undone')
            for entry in found:
                self._undo(append, entry)
        return found

    def holding(self, image: Image | None = None) -> list[Mark]:
        """The marks that hold, of all pairs or of those with an image, oldest first."""
        marks = self.state.marks
        if image is None:
            return marks
        return [mark for mark in marks if image in (mark.query, mark.hit)]

    def answers_for(self, image: Image) -> dict[str, Mark]:
        """The mark of each image of the gallery that has one together with ``image``."""
        return {
            other.name: mark
            for mark in self.holding(image)
            for other in (mark.query, mark.hit)
            if other != image and other.kind == 'gallery'
        }

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

    def _mark(self, append: Append, query: Image, hit: Image, answer: str) -> Mark:
        one, other = sorted((query.text, hit.text))
        known = self._holding_of('mark', one, other)
        if not isinstance(known, Mark) or known.answer != answer:
            known = append('mark', query.text, hit.text, answer)
        return known  # type: ignore[return-value]

    def _note(self, append: Append, action: str, image: Image, value: str) -> Note:
        known = self._holding_of(action, image.text, '')
        if not isinstance(known, Note) or known.value != value:
            known = append(action, image.text, '', value)
        return known  # type: ignore[return-value]

    def _undo(self, append: Append, entry: Entry) -> None:
        if isinstance(entry, Mark):
            values = entry.query.text, entry.hit.text, entry.answer
        else:
            values = entry.image.text, '', entry.value
        append('undo', *values, entry.number)

    def _read_state(self) -> ReviewState:
        (version,) = self._database.execute('SELECT max(number) FROM log').fetchone()
        version = version or 0
        if self._state is NOT_READ:
            latest = f'SELECT max(number) FROM log WHERE {_HOLDING} GROUP BY action, one, other'
            found = self._select(f'number IN ({latest})')
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
            if found := self._holding_of(*key):
                self._latest[key] = found

    def _holding_of(self, action: str, one: str, other: str) -> Entry | None:
        where = f'action = ? AND one = ? AND other = ? AND {_HOLDING}'
        return next(iter(self._select(where, [action, one, other], newest=True, limit=1)), None)

    def _select(
        self,
        where: str,
        parameters: Sequence[str | int | None] = (),
        newest: bool = False,
        limit: int = -1,
    ) -> list[Entry]:
        order = 'DESC' if newest else 'ASC'
        rows = self._database.execute(
            f'SELECT {_COLUMNS} FROM log WHERE {where} ORDER BY number {order} LIMIT {limit}',
            parameters,
        )
        return [_entry(*row) for row in rows]

    @contextmanager
    def _changing(self, reviewer: str) -> Iterator[Append]:
        """A transaction, and what appends an entry to its change."""
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
                self._read_state().require_one_name_each()

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


Append = Callable[..., Entry]


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
