from __future__ import annotations

from dataclasses import dataclass

from msvitreid.errors import ConfigError


class BusyError(ConfigError):
    """Too many requests wait for the net, or for what takes minutes."""


@dataclass(frozen=True)
class Limits:
    """What a client may ask of the server.

    Images of more than 67,108,864 pixels are refused before they are decoded, by the same check
    as images of datasets.

    Attributes:
        body_bytes: of a request.
        body_seconds: for a request's body to arrive, more for a long one:
        body_rate: bytes a second at which it has to come.
        hits: of a search, and items of a list.
        requests_per_second: of one address, on average.
        burst: requests of one address at once; a page of results loads many thumbnails.
        embeddings: computed at the same time.
        waiting: requests that may wait for the net; more are refused.
        image_threads: images of the gallery decoded at the same time.
        thumbnail_bytes: of thumbnails kept in memory.
    """

    body_bytes: int = 20 * 2**20
    body_seconds: float = 30
    body_rate: float = 16 * 1024
    hits: int = 200
    requests_per_second: float = 50
    burst: int = 500
    embeddings: int = 1
    waiting: int = 100
    image_threads: int = 2
    thumbnail_bytes: int = 64 * 2**20
