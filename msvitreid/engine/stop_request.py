from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any


class StopRequest:
    """SIGTERM, inside of a ``with`` block, as a request that is looked at when there is time.

    Clusters send the signal to all processes of a job. Loader workers that begin with
    :meth:`start_worker` survive it, as the process that reads from them needs them until it
    has saved; once that process leaves, they end of it.

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

    def start_worker(self, initialise: Callable[[int], None] | None, worker_id: int) -> None:
        """A loader's ``worker_init_fn``, around the one that it has.

        What a worker inherits does not last: torch gives it a handler that dies of every
        SIGTERM, upon which the loader raises an error in the middle of a step.
        """
        signal.signal(signal.SIGTERM, self._receive)
        if initialise is not None:
            initialise(worker_id)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if os.getpid() != self._owner and self._leaving.value:
            # As with torch's own handler: of another code the loader would make an error.
            os._exit(0)
        self.asked = True
