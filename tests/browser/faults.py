"""What a page does that no test of it may see: errors, failed requests, other hosts."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit


class Faults:
    """Console errors, exceptions, requests that fail or leave the host of the page."""

    def __init__(self) -> None:
        self._found: list[str] = []
        self._allowed: list[str] = []

    def allow(self, *parts: str) -> None:
        """Faults that contain one of these texts are what the test is about."""
        self._allowed.extend(parts)

    def unexpected(self) -> list[str]:
        return [
            fault for fault in self._found if not any(part in fault for part in self._allowed)
        ]

    def watch(self, page: Any, url: str) -> None:
        """Collect the faults of a page opened at ``url``; of a file, only itself may be read."""
        home = urlsplit(url)

        def requested(request: Any) -> None:
            address = urlsplit(request.url)
            if home.scheme == 'file':
                is_own = address.path == home.path
            else:
                is_own = (address.scheme, address.netloc) == (home.scheme, home.netloc)
            if not is_own and address.scheme not in ('data', 'blob'):
                self._found.append(f'request to elsewhere: {request.url}')

        def failed(request: Any) -> None:
            # The page itself gives up a search when the next one begins.
            if request.failure != 'net::ERR_ABORTED':
                self._found.append(f'failed request: {request.url} {request.failure}')

        def said(message: Any) -> None:
            if message.type == 'error':
                self._found.append(f'console: {message.text} {message.location["url"]}')

        page.on('request', requested)
        page.on('requestfailed', failed)
        page.on('console', said)
        page.on('pageerror', lambda error: self._found.append(f'exception: {error}'))
