"""The client of a Qdrant server, by a gallery's URL."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from msvitreid.errors import GalleryError
from msvitreid.utils.printable import printable

API_KEY = 'QDRANT_API_KEY'
"""The environment variable with the server's key."""


@contextmanager
def answers(collection: str) -> Iterator[None]:
    """Errors of the client as sentences.

    Raises:
        GalleryError: the client raised anything.
    """
    try:
        yield
    except GalleryError:
        raise
    except Exception as error:
        # The client raises errors of httpx, grpc, pydantic and its own.
        text = printable(str(error) or type(error).__name__)
        raise GalleryError(f'Qdrant did not answer for {collection!r}: {text}') from error


def connect(url: str) -> tuple[Any, str]:
    """A client and the name of the collection, of ``qdrant://host:port/collection``.

    Raises:
        GalleryError: qdrant-client is not installed, or the URL is none.
    """
    try:
        from qdrant_client import QdrantClient
    except ImportError as error:
        raise GalleryError(
            f"{url!r} needs qdrant-client ({error}); pip install 'msvitreid[gallery-qdrant]'"
        ) from error
    try:
        parts = urlsplit(url)
        host, port, collection = parts.hostname, parts.port or 6333, parts.path.strip('/')
    except ValueError:
        host = None
    if not host or not collection or '/' in collection or parts.username:
        raise GalleryError(
            f'{url!r} must be qdrant://host:port/collection; the key is read from {API_KEY}'
        )
    client = QdrantClient(
        host=host,
        port=port,
        https=parts.scheme == 'qdrants',
        api_key=os.environ.get(API_KEY),
    )
    return client, collection
