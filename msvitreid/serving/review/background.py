"""Results that take minutes, computed once in a thread while the server answers."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple

#: Results that are kept, the last used ones.
MOST_KEPT = 4
#: Computations that wait for the running one; the one that nobody asked for longest is dropped.
MOST_WAITING = 4

Report = Callable[[float], None]
"""Takes the share of the work that is done, from 0 to 1."""


class Job(NamedTuple):
    """A computation: ``result`` is None until it is done, ``share`` how much of it is."""

    share: float
    result: Any = None


class _EndedError(Exception):
    pass


class Background:
    """Computes one thing after the other; each is asked for again until it is there."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, 'review')
        self._lock = threading.Lock()
        self._jobs: OrderedDict[Hashable, tuple[Future[Any], list[float]]] = OrderedDict()
        self._is_closed = False

    def ask(
        self, key: Hashable, compute: Callable[[Report], Any], is_fresh: bool = False
    ) -> Job:
        """The result of ``compute``, which is started if nobody has asked for it yet.

        Args:
            key: of the result.
            compute: takes what it reports its progress to, and returns the result.
            is_fresh: forget a result that is there.

        Raises:
            ReIDError: what the computation raised; the next call starts it again.
        """
        with self._lock:
            if is_fresh and key in self._jobs and self._jobs[key][0].done():
                del self._jobs[key]
            if key not in self._jobs:
                share = [0.0]
                self._jobs[key] = self._pool.submit(self._run, compute, share), share
                self._forget()
            future, share = self._jobs[key]
            self._jobs.move_to_end(key)
            if not future.done():
                return Job(min(share[0], 0.999))
            if future.cancelled() or future.exception() is not None:
                del self._jobs[key]
        return Job(1.0, future.result())

    def close(self) -> None:
        """Stop at the next report of progress."""
        self._is_closed = True
        self._pool.shutdown(cancel_futures=True)

    def _run(self, compute: Callable[[Report], Any], share: list[float]) -> Any:
        def report(done: float) -> None:
            if self._is_closed:
                raise _EndedError
            share[0] = done

        report(0)
        return compute(report)

    def _forget(self) -> None:
        waiting = [
            key
            for key, (future, _) in self._jobs.items()
            if not (future.running() or future.done())
        ]
        for key in waiting[: max(0, len(waiting) - MOST_WAITING)]:
            if self._jobs[key][0].cancel():
                del self._jobs[key]
        done = [key for key, (future, _) in self._jobs.items() if future.done()]
        for key in done[: max(0, len(self._jobs) - MOST_KEPT)]:
            del self._jobs[key]
