from __future__ import annotations

import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

#: Of computing, which other processes do not lengthen, and on the clock, for what only waits.
SECONDS, WAITED = 20, 120
MORE_BYTES = 2**30


@contextmanager
def limits() -> Iterator[None]:
    """No more than a gigabyte in addition to what the process has, nor than some seconds."""
    pages = int(Path('/proc/self/statm').read_text().split()[0])
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)

    def late(*_: object) -> None:
        raise TimeoutError(f'not done in {SECONDS} s')

    before = {
        number: signal.signal(number, late) for number in (signal.SIGALRM, signal.SIGPROF)
    }
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + MORE_BYTES, hard))
    signal.alarm(WAITED)
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.setitimer(signal.ITIMER_PROF, 0)
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
        for number, handler in before.items():
            signal.signal(number, handler)
