"""What a request has to pass before any route sees it."""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import json
import logging
import secrets
import time
from collections import OrderedDict
from collections.abc import Sequence
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from msvitreid.errors import ConfigError

from .limits import Limits

COOKIE = 'msvitreid'
SHORTEST_TOKEN = 16
#: What is open without a token: the form that asks for it, and nothing of the gallery.
OPEN_PATHS = ('/login', '/api/health')
OPEN_FOLDER = '/static/'
SAFE_METHODS = ('GET', 'HEAD', 'OPTIONS')
MOST_CLIENTS = 10_000

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


class Token:
    """The token of a server, and the cookie that stands for it in a browser.

    Raises:
        ConfigError: the token is too short, or has characters that a header cannot have.
    """

    def __init__(self, token: str) -> None:
        if len(token) < SHORTEST_TOKEN or not token.isascii() or not token.isprintable():
            raise ConfigError(
                f'the token must have at least {SHORTEST_TOKEN} printable ASCII characters'
            )
        self._token = token.encode()
        # Of this process: a cookie says nothing of the token and ends with the server.
        self.cookie = secrets.token_urlsafe(32)

    def fits(self, given: str) -> bool:
        """Compare in a time that does not depend on how much of it is right."""
        return hmac.compare_digest(given.encode('utf-8', 'replace'), self._token)

    def admits(self, headers: Headers) -> bool:
        """Whether the Authorization header or the cookie is right."""
        scheme, _, given = headers.get('authorization', '').partition(' ')
        if scheme.lower() == 'bearer' and self.fits(given.strip()):
            return True
        try:
            cookies = SimpleCookie(headers.get('cookie', ''))
        except CookieError:
            return False
        given = cookies[COOKIE].value if COOKIE in cookies else ''
        return hmac.compare_digest(given.encode('utf-8', 'replace'), self.cookie.encode())


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


class Refusal(Exception):  # noqa: N818
    """An answer in place of the one that was asked for."""

    def __init__(
        self, status: int, sentence: str, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(sentence)
        self.status, self.sentence, self.headers = status, sentence, headers or {}


class Guards:
    """ASGI middleware: Host, rate, token, origin and size of a request; headers of the answer.

    Args:
        app: what is guarded.
        hosts: names by which the server may be called, against DNS rebinding: a page elsewhere
            can have its own name lead to this server. With ``0.0.0.0`` or ``::`` among them all
            addresses in numbers are, which no page can make its own.
        token: None lets everybody in.
        limits: of sizes and rates.
    """

    def __init__(
        self, app: ASGIApp, hosts: Sequence[str], token: Token | None, limits: Limits
    ) -> None:
        self._app = app
        self._hosts = {_bare(host) for host in hosts}
        self._any_address = bool(self._hosts & {'0.0.0.0', '::'})
        self._token = token
        self._limits = limits
        self._rate = Rate(limits.requests_per_second, limits.burst)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope['type'] == 'lifespan':
            await self._app(scope, receive, send)
            return
        if scope['type'] != 'http':
            return  # No route is a WebSocket.
        answer = _Answer(send)
        body: _Body | None = None
        try:
            self._check(scope)
            body = _Body(receive, self._limits, answer)
            await self._app(scope, body, answer)
            if body.refusal is not None:
                raise body.refusal
        except Refusal as refusal:
            await answer.refuse(refusal)
        except Exception:
            # Whatever a route stumbles over when its body is cut off.
            if body is not None and body.refusal is not None:
                await answer.refuse(body.refusal)
                return
            logging.getLogger('msvitreid.serving').exception('unexpected error')
            sentence = "an unexpected error; the server's log has the details"
            await answer.refuse(Refusal(500, sentence))

    def _check(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        host = headers.get('host', '')
        if len(headers.getlist('host')) != 1 or not self._is_own(host):
            raise Refusal(
                421, 'this server is not called by that name; --allow-host NAME allows it'
            )
        client = scope.get('client')
        if not self._rate.admits(client[0] if client else ''):
            raise Refusal(429, 'too many requests; wait a second', {'Retry-After': '1'})
        path = scope['path']
        is_open = path in OPEN_PATHS or path.startswith(OPEN_FOLDER)
        if self._token is not None and not is_open and not self._token.admits(headers):
            if scope['method'] == 'GET' and path == '/':
                raise Refusal(303, 'log in first', {'Location': '/login'})
            raise Refusal(
                401,
                'this server needs its token, as Authorization: Bearer TOKEN',
                {'WWW-Authenticate': 'Bearer'},
            )
        if scope['method'] not in SAFE_METHODS and not _is_same_origin(headers, host):
            raise Refusal(403, 'a page of another site may not change anything here')
        length = headers.get('content-length', '0')
        if not length.isdecimal() or int(length[:20]) > self._limits.body_bytes:
            raise _too_large(self._limits)

    def _is_own(self, host: str) -> bool:
        name = _bare(host)
        if name in self._hosts:
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return self._any_address


class _Answer:
    """Adds headers to an answer, and can replace one that has not begun."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._has_begun = self.is_refused = False

    async def __call__(self, message: Message) -> None:
        if self.is_refused:
            return
        if message['type'] == 'http.response.start':
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


class _Body:
    """Counts the bytes of a body, whatever its header says, and does not wait for ever."""

    def __init__(self, receive: Receive, limits: Limits, answer: _Answer) -> None:
        self._receive = receive
        self._limits = limits
        self._answer = answer
        self._bytes = 0
        self._is_complete = False
        self.refusal: Refusal | None = None

    async def __call__(self) -> Message:
        if self.refusal is not None:
            return {'type': 'http.disconnect'}
        if self._is_complete:
            return await self._receive()  # until the client leaves
        try:
            message = await asyncio.wait_for(self._receive(), self._limits.body_seconds)
        except asyncio.TimeoutError:
            return self._refuse(Refusal(408, 'the body did not arrive in time'))
        self._is_complete = not message.get('more_body', False)
        self._bytes += len(message.get('body', b''))
        if self._bytes > self._limits.body_bytes:
            return self._refuse(_too_large(self._limits))
        return message

    def _refuse(self, refusal: Refusal) -> Message:
        # The application sees a client that has left; what it answers is not sent.
        self.refusal = refusal
        self._answer.is_refused = True
        return {'type': 'http.disconnect'}


def _too_large(limits: Limits) -> Refusal:
    return Refusal(
        413, f'a request may have at most {limits.body_bytes:,} bytes; give a smaller image'
    )


def _is_same_origin(headers: Headers, host: str) -> bool:
    if headers.get('sec-fetch-site', 'none') not in ('same-origin', 'none'):
        return False
    origin = headers.get('origin')
    return origin is None or urlsplit(origin).netloc.lower() == host.lower()


def _bare(host: str) -> str:
    """A host without its port, in lower case; '' for what is none."""
    try:
        # Brackets are those of an IPv6 address in a URL.
        is_plain_ipv6 = host.count(':') > 1 and not host.startswith('[')
        return (
            urlsplit(f'//[{host}]' if is_plain_ipv6 else f'//{host}').hostname or ''
        ).lower()
    except ValueError:
        return ''
