from __future__ import annotations

import atexit
import multiprocessing
import os
import signal
import threading
from types import FrameType
from typing import Any


class StopRequest:
    """SIGTERM, inside of a ``with`` block, as a request that is looked at when there is time.

    Clusters send the signal to all processes of a job. Loader workers forked while this is
    installed survive it, as the process that reads from them needs them until it has saved;
    once that process leaves, they die of it as usual.

    Attributes:
        asked: whether the signal has come.
    """

    def __init__(self) -> None:
        self.asked = False
        self._catches = False
        self._previous: Any = None
        self._owner = os.getpid()
        # Shared with forked workers, and without a lock, which a signal handler may not take.
        self._leaving = multiprocessing.Value('b', 0, lock=False)

    def __enter__(self) -> StopRequest:
        self.asked = False
        self._leaving.value = 0
        # Python lets only the main thread catch signals; elsewhere this one kills as ever.
        self._catches = threading.current_thread() is threading.main_thread()
        if self._catches:
            self._previous = signal.signal(signal.SIGTERM, self._receive)
            # Before multiprocessing ends its children, as the later registered runs first.
            atexit.register(self._leave)
        return self

    def __exit__(self, *_: object) -> None:
        if self._catches:
            self._leave()
            atexit.unregister(self._leave)
            signal.signal(signal.SIGTERM, self._previous)

    def _leave(self) -> None:
        self._leaving.value = 1

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if os.getpid() != self._owner and self._leaving.value:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGTERM)
        self.asked = True
