from __future__ import annotations

import time
from typing import Any

import numpy as np
from fastapi import APIRouter, Request
from pydantic import Field
from starlette.concurrency import run_in_threadpool

from msvitreid.errors import ConfigError
from msvitreid.gallery.items import Item
from msvitreid.serving.requests import Strict, documented, read_box, read_request
from msvitreid.serving.searching import SearchRequest
from msvitreid.serving.service import Service
from msvitreid.serving.uploads import Upload


class EmbedRequest(Strict):
    """An uploaded image to embed."""

    box: str | None = Field(None, description='left,top,right,bottom of the upload, in pixels')


class CompareRequest(Strict):
    """Two images to compare, each an upload (``a``, ``b``) or an id of the gallery."""

    a_id: str | None = None
    b_id: str | None = None


def search_routes(service: Service) -> APIRouter:
    """``/api/search``, ``/api/embed`` and ``/api/compare``."""
    router = APIRouter(prefix='/api')

    @router.post('/search', openapi_extra=documented(SearchRequest, ('image',)))
    async def search(request: Request) -> dict[str, Any]:
        """The most similar images of the gallery."""
        started = time.perf_counter()
        wanted, files = await read_request(request, SearchRequest, ('image',))
        query, vector = await _query(service, files.get('image'), wanted.id, wanted.box)
        embedded = time.perf_counter()
        found = await run_in_threadpool(service.searching.search, wanted, query, vector)
        ended = time.perf_counter()
        found['milliseconds'] = {
            'embedding': round(1000 * (embedded - started), 2),
            'search': round(1000 * (ended - embedded), 2),
        }
        return found

    @router.post('/embed', openapi_extra=documented(EmbedRequest, ('image',)))
    async def embed(request: Request) -> dict[str, Any]:
        """The embedding of an uploaded image."""
        wanted, files = await read_request(request, EmbedRequest, ('image',))
        _, vector = await _query(service, files.get('image'), None, wanted.box)
        return {'embedding': vector.tolist(), 'fingerprint': service.gallery.fingerprint}

    @router.post('/compare', openapi_extra=documented(CompareRequest, ('a', 'b')))
    async def compare(request: Request) -> dict[str, Any]:
        """Whether two images show the same identity, by the card; else their similarity."""
        wanted, files = await read_request(request, CompareRequest, ('a', 'b'))
        a, first = await _query(service, files.get('a'), wanted.a_id, None, 'a')
        b, second = await _query(service, files.get('b'), wanted.b_id, None, 'b')
        return service.compare(first, second, _cameras(a, b), _name(a) == _name(b))

    return router


async def _query(
    service: Service,
    content: bytes | None,
    id_: str | None,
    box: str | None,
    what: str = 'image',
) -> tuple[Upload | Item, np.ndarray]:
    """What is searched with, and its embedding."""
    if (content is None) == (id_ is None):
        name = 'id' if what == 'image' else f'{what}_id'
        raise ConfigError(f'give either the file {what} or {name}')
    if content is not None:
        upload = Upload(content, read_box(box))
        return upload, await service.uploads.embed(upload)
    if box is not None:
        raise ConfigError('a box is of an uploaded image; leave it out with an id')
    item = await run_in_threadpool(service.item, id_)  # type: ignore[arg-type]
    return item, item.embedding  # type: ignore[return-value]


def _cameras(a: Upload | Item, b: Upload | Item) -> tuple[str, str] | None:
    """The cameras of both, where the gallery knows them."""
    found = [one.metadata.get('camera') for one in (a, b) if isinstance(one, Item)]
    if len(found) < 2 or None in found:
        return None
    return str(found[0]), str(found[1])


def _name(image: Upload | Item) -> str:
    return f'id {image.id}' if isinstance(image, Item) else image.digest
