"""Who may use a server: a token, and a cookie that stands for it in a browser."""

from __future__ import annotations

import hmac
import secrets

from starlette.datastructures import Headers
from starlette.requests import cookie_parser

from msvitreid.errors import ConfigError

COOKIE = 'msvitreid'
SHORTEST_TOKEN = 16


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
        # Cookies of other servers of this host come along, whatever they hold.
        given = cookie_parser(headers.get('cookie', '')).get(COOKIE, '')
        return hmac.compare_digest(given.encode('utf-8', 'replace'), self.cookie.encode())
