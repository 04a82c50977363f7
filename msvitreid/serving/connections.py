"""Connections that end when their client neither sends its request nor reads the answer."""

from __future__ import annotations

import asyncio
from collections import Counter

from uvicorn.protocols.http.h11_impl import H11Protocol

#: For the header of a request to arrive, from the start of the connection or the answer before.
HEADER_SECONDS = 10.0
#: In which a client has to take some of the answer.
STALL_SECONDS = 30.0
#: Of one address, half of what the server has.
MOST_OF_ONE = 250


class BoundedConnection(H11Protocol):
    """uvicorn's protocol, which itself waits without end for a header, and for a reader.

    As many connections as a server may have would keep all others out. Bodies have limits of
    their own, see :class:`~msvitreid.serving.guards.bounded.Body`.
    """

    _of_address: Counter[str] = Counter()
    _header_timer: asyncio.TimerHandle | None = None
    _stall_timer: asyncio.TimerHandle | None = None
    _address: str | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        # Any byte that the client does not take is noticed, not only many.
        transport.set_write_buffer_limits(high=0)
        self._address = self.client[0] if self.client else ''
        self._of_address[self._address] += 1
        if self._of_address[self._address] > MOST_OF_ONE:
            transport.abort()
        else:
            self._watch_header()

    def connection_lost(self, exc: Exception | None) -> None:
        for timer in (self._header_timer, self._stall_timer):
            if timer is not None:
                timer.cancel()
        if self._address is not None:
            self._of_address[self._address] -= 1
            if not self._of_address[self._address]:
                del self._of_address[self._address]
            self._address = None
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch_header()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._watch_header()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch_reader(None)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._stall_timer is not None:
            self._stall_timer.cancel()
            self._stall_timer = None

    def _watch_header(self) -> None:
        is_waiting = self.cycle is None or self.cycle.response_complete
        if is_waiting and self._header_timer is None:
            self._header_timer = self.loop.call_later(HEADER_SECONDS, self._end)
        elif not is_waiting and self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None

    def _end(self) -> None:
        self._header_timer = None
        if self.transport.get_write_buffer_size():
            self._watch_header()  # The answer before is still on its way.
        else:
            self.transport.abort()

    def _watch_reader(self, before: int | None) -> None:
        left = self.transport.get_write_buffer_size()
        if before is not None and left >= before:
            self.transport.abort()
            return
        self._stall_timer = self.loop.call_later(STALL_SECONDS, self._watch_reader, left)
