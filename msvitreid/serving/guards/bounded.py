"""A request's body of bounded size and time, and an answer that can still be replaced."""

from __future__ import annotations

import asyncio
import json
import time

from starlette.types import Message, Receive, Send

from msvitreid.serving.limits import Limits

HEADERS = {
    'Content-Security-Policy': "default-src 'self'; img-src 'self' blob: data:; "
    "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    'X-Content-Type-Options': 'nosniff',
    'X-Frame-Options': 'DENY',
    # With no-referrer the Origin of the login form would be null.
    'Referrer-Policy': 'same-origin',
    'Cross-Origin-Resource-Policy': 'same-origin',
    'Cross-Origin-Opener-Policy': 'same-origin',
}


class Refusal(Exception):  # noqa: N818
    """An answer in place of the one that was asked for."""

    def __init__(
        self, status: int, sentence: str, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(sentence)
        self.status, self.sentence, self.headers = status, sentence, headers or {}


class Answer:
    """Adds headers to an answer, and can replace one that has not begun."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._has_begun = self.is_refused = False
        self.body: Body | None = None

    async def __call__(self, message: Message) -> None:
        if self.is_refused:
            return
        if message['type'] == 'http.response.start':
            if self.body is not None and self.body.refusal is None:
                # A client that sends on may not see an answer before its end.
                await self.body.drain()
                if self.is_refused:
                    return
            self._has_begun = True
            names = {name.lower() for name, _ in message['headers']}
            added = {'Cache-Control': 'no-store', **HEADERS}
            message['headers'] = [
                *message['headers'],
                *(
                    (name.lower().encode(), value.encode())
                    for name, value in added.items()
                    if name.lower().encode() not in names
                ),
            ]
        await self._send(message)

    async def refuse(self, refusal: Refusal) -> None:
        self.is_refused = False
        if self._has_begun:
            return
        content = json.dumps({'error': refusal.sentence}).encode()
        headers = {
            'Content-Type': 'application/json',
            'Content-Length': str(len(content)),
            # What is left of the body is not read.
            'Connection': 'close',
            **refusal.headers,
        }
        await self(
            {
                'type': 'http.response.start',
                'status': refusal.status,
                'headers': [(k.lower().encode(), v.encode()) for k, v in headers.items()],
            }
        )
        await self({'type': 'http.response.body', 'body': content})


class Body:
    """Counts the bytes of a body, whatever its header says, and does not wait for ever.

    Attributes:
        refusal: why the rest is not received, or None.
    """

    def __init__(
        self, receive: Receive, limits: Limits, answer: Answer, has_body: bool = True
    ) -> None:
        self._receive = receive
        self._limits = limits
        self._answer = answer
        self._bytes = 0
        # From the first part on, and a little longer for each byte: a body that comes a byte at
        # a time would keep its connection for days.
        self._began = time.monotonic()
        self._is_read = not has_body
        self.refusal: Refusal | None = None

    async def __call__(self) -> Message:
        if self.refusal is not None:
            return {'type': 'http.disconnect'}
        if self._is_read:
            return await self._receive()  # until the client leaves
        allowed = self._limits.body_seconds + self._bytes / self._limits.body_rate
        left = self._began + allowed - time.monotonic()
        try:
            message = await asyncio.wait_for(self._receive(), max(0.0, left))
        except asyncio.TimeoutError:
            return self._refuse(Refusal(408, 'the body did not arrive in time'))
        self._is_read = not message.get('more_body', False)
        self._bytes += len(message.get('body', b''))
        if self._bytes > self._limits.body_bytes:
            return self._refuse(too_large(self._limits))
        return message

    async def drain(self) -> None:
        """Receive what is left, within the limits."""
        while not self._is_read and self.refusal is None:
            await self()

    def _refuse(self, refusal: Refusal) -> Message:
        # The application sees a client that has left; what it answers is not sent.
        self.refusal = refusal
        self._answer.is_refused = True
        return {'type': 'http.disconnect'}


def too_large(limits: Limits) -> Refusal:
    """What a request with too many bytes is answered."""
    return Refusal(
        413, f'a request may have at most {limits.body_bytes:,} bytes; give a smaller image'
    )
