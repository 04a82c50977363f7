"""How many requests a client may send."""

from __future__ import annotations

import time
from collections import OrderedDict

MOST_CLIENTS = 10_000


class Rate:
    """So many requests a second of each client on average, and so many at once."""

    def __init__(self, per_second: float, burst: int) -> None:
        self._per_second = per_second
        self._burst = burst
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def admits(self, client: str) -> bool:
        now = time.monotonic()
        left, last = self._left.pop(client, (float(self._burst), now))
        left = min(self._burst, left + (now - last) * self._per_second)
        admitted = left >= 1
        self._left[client] = (left - 1 if admitted else left), now
        if len(self._left) > MOST_CLIENTS:
            self._left.popitem(last=False)
        return admitted
