"""Marks of pairs and notes on images: what may be said and undone of a gallery's images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from msvitreid.errors import ReviewError
from msvitreid.utils.printable import printable

from .entries import ANSWERS, Image, Mark, Note
from .log import HOLDING, Append, Entry, ReviewLog, require_short
from .state import ReviewState

if TYPE_CHECKING:
    from .changes import Plan


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
        self._log = ReviewLog(self.path)

    @property
    def state(self) -> ReviewState:
        """What holds now; kept until the next entry, of whatever process."""
        return self._log.state

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
        with self._log.changing(reviewer) as append:
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
        with self._log.changing(reviewer) as append:
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
        with self._log.changing(reviewer) as append:
            plan = plan_of(self._log.read_state())
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
        with self._log.changing(reviewer) as append:
            for number in numbers:
                which = "action = 'mark' AND " + (
                    'number = ? AND ' if number is not None else ''
                )
                parameters = [] if number is None else [number]
                found = self._log.select(which + HOLDING, parameters, newest=True, limit=1)
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
        with self._log.changing(reviewer) as append:
            if change is None and number is None:
                last = self._log.select(HOLDING, newest=True, limit=1)
                change = last[0].change if last else None
            what = 'change' if change is None else f'change {change}'
            where, parameters = 'change = ?', [change]
            if number is not None:
                what, where, parameters = f'entry {number}', 'number = ?', [number]
            found = self._log.select(f'{where} AND {HOLDING}', parameters)
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
        """See :meth:`.log.ReviewLog.history`."""
        return self._log.history(before, limit)

    def close(self) -> None:
        self._log.close()

    def _mark(self, append: Append, query: Image, hit: Image, answer: str) -> Mark:
        one, other = sorted((query.text, hit.text))
        known = self._log.holding_of('mark', one, other)
        if not isinstance(known, Mark) or known.answer != answer:
            known = append('mark', query.text, hit.text, answer)
        return known  # type: ignore[return-value]

    def _note(self, append: Append, action: str, image: Image, value: str) -> Note:
        known = self._log.holding_of(action, image.text, '')
        if not isinstance(known, Note) or known.value != value:
            known = append(action, image.text, '', value)
        return known  # type: ignore[return-value]

    def _undo(self, append: Append, entry: Entry) -> None:
        if isinstance(entry, Mark):
            values = entry.query.text, entry.hit.text, entry.answer
        else:
            values = entry.image.text, '', entry.value
        append('undo', *values, entry.number)
