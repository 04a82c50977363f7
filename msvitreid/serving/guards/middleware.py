from __future__ import annotations

import ipaddress
import logging
import re
from collections.abc import Sequence
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from msvitreid.serving.limits import Limits

from .bounded import Answer, Body, Refusal, too_large
from .rate import Rate
from .token import Token

#: What is open without a token: the form that asks for it, and nothing of the gallery.
OPEN_PATHS = ('/login', '/api/health')
OPEN_FOLDER = '/static/'
#: From which a browser without a token is sent to the form.
PAGES = ('/', '/review')
SAFE_METHODS = ('GET', 'HEAD', 'OPTIONS')
API = '/api/'
#: A host as browsers send it: no user, no path, no spaces.
_HOST = re.compile(r'[A-Za-z0-9._-]+(:[0-9]*)?|\[?[0-9A-Fa-f:.]+\]?|\[[0-9A-Fa-f:.]+\]:[0-9]*')


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
        answer = Answer(send)
        body: Body | None = None
        try:
            has_body = self._check(scope)
            body = Body(receive, self._limits, answer, has_body)
            answer.body = body
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

    def _check(self, scope: Scope) -> bool:
        """Whether the request has a body; a refusal, if it may not pass."""
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
            if scope['method'] == 'GET' and path in PAGES:
                raise Refusal(303, 'log in first', {'Location': '/login'})
            raise Refusal(
                401,
                'this server needs its token, as Authorization: Bearer TOKEN',
                {'WWW-Authenticate': 'Bearer'},
            )
        is_change = scope['method'] not in SAFE_METHODS
        # Another page cannot read what the API answers, but could have it compute for hours.
        if (is_change or path.startswith(API)) and not _is_same_origin(headers, host):
            raise Refusal(403, 'a page of another site may not use the server')
        is_chunked = 'transfer-encoding' in headers
        if is_chunked and 'content-length' in headers:
            # Two lengths, of which a proxy may believe the other one.
            raise Refusal(400, 'a request has Content-Length or Transfer-Encoding, not both')
        length = headers.get('content-length', '0')
        if not length.isdecimal() or int(length[:20]) > self._limits.body_bytes:
            raise too_large(self._limits)
        return is_chunked or int(length) > 0

    def _is_own(self, host: str) -> bool:
        name = _bare(host)
        if name in self._hosts:
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return self._any_address


def _is_same_origin(headers: Headers, host: str) -> bool:
    if headers.get('sec-fetch-site', 'none') not in ('same-origin', 'none'):
        return False
    origin = headers.get('origin')
    return origin is None or urlsplit(origin).netloc.lower() == host.lower()


def _bare(host: str) -> str:
    """A host without its port, in lower case; '' for what is none."""
    if not _HOST.fullmatch(host):
        return ''
    try:
        # Brackets are those of an IPv6 address in a URL.
        is_plain_ipv6 = host.count(':') > 1 and not host.startswith('[')
        return (
            urlsplit(f'//[{host}]' if is_plain_ipv6 else f'//{host}').hostname or ''
        ).lower()
    except ValueError:
        return ''
