from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

WorkerInit = Callable[[int], None]


class StopRequest:
    """SIGTERM, inside a ``with`` block, as a request that is looked at when there is time.

    Clusters send the signal to all processes of a job. Loader workers that begin with
    :meth:`worker_start` survive it, as the process that reads from them needs them until it
    has saved; once that process leaves, the signal ends them.

    Attributes:
        asked: whether the signal has come.
    """

    def __init__(self) -> None:
        self.asked = False
        self._catches = False
        self._previous: Any = None
        self._owner = os.getpid()
        # Shared with workers, and without a lock, which a signal handler may not take.
        self._leaving = multiprocessing.Value('b', 1, lock=False)

    def __enter__(self) -> StopRequest:
        self.asked = False
        # Python lets only the main thread catch signals; elsewhere this one kills as ever.
        self._catches = threading.current_thread() is threading.main_thread()
        if self._catches:
            self._leaving.value = 0
            self._previous = signal.signal(signal.SIGTERM, self._receive)
        return self

    def __exit__(self, *_: object) -> None:
        if self._catches:
            self._leaving.value = 1
            signal.signal(signal.SIGTERM, self._previous)

    def worker_start(self, initialize: WorkerInit | None) -> WorkerInit:
        """A loader's ``worker_init_fn`` around the one that it has, for any start method."""
        return _WorkerStart(self._leaving, initialize)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if os.getpid() != self._owner and self._leaving.value:
            os._exit(0)  # a forked process that has not set a handler of its own
        self.asked = True


class _WorkerStart:
    """Goes to the workers, pickled where they are not forked, so it holds no more than they need.

    Args:
        leaving: shared; not 0 once the process that reads from the workers does without them.
        initialize: what else to call with the worker's number.
    """

    def __init__(self, leaving: Any, initialize: WorkerInit | None) -> None:
        self._leaving = leaving
        self._initialize = initialize

    def __call__(self, worker_id: int) -> None:
        # What a worker inherits does not last: torch gives it a handler that ends it at every
        # SIGTERM, upon which the loader raises an error in the middle of a step.
        signal.signal(signal.SIGTERM, self._receive)
        if self._initialize is not None:
            self._initialize(worker_id)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if self._leaving.value:
            # As with torch's own handler: of another code the loader would make an error.
            os._exit(0)
