from __future__ import annotations

from collections import Counter
from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import Field
from starlette.concurrency import run_in_threadpool

from msvitreid.errors import ConfigError
from msvitreid.serving.requests import (
    MOST_VALUES,
    EntryNumber,
    Strict,
    documented,
    read_request,
)
from msvitreid.serving.review import ANSWERS, Image, Mark
from msvitreid.serving.review.training_list import training_list
from msvitreid.serving.service import Service

MOST_LISTED = 1000


class MarkRequest(Strict):
    """A mark of a pair; the query is an id of the gallery, or what a search called an upload."""

    query: str | None = Field(None, description='id of the query in the gallery')
    upload: str | None = Field(
        None, pattern='^[0-9a-f]{64}$', description='an uploaded query, as the search names it'
    )
    hit: str = Field(description='id in the gallery')
    answer: str = Field(description='same, different or cannot tell')
    reviewer: str = ''


class BulkRequest(Strict):
    """One answer for a query with several hits."""

    query: str | None = Field(None, description='id of the query in the gallery')
    upload: str | None = Field(
        None, pattern='^[0-9a-f]{64}$', description='an uploaded query, as the search names it'
    )
    hits: list[str] = Field(
        description='ids in the gallery', min_length=1, max_length=MOST_VALUES
    )
    answer: str = Field(description='same, different or cannot tell')
    reviewer: str = ''


class BulkUndoRequest(Strict):
    """The numbers of marks to undo together."""

    numbers: list[EntryNumber] = Field(min_length=1, max_length=MOST_VALUES)
    reviewer: str = ''


class UndoRequest(Strict):
    """The number of the mark to undo; without one, the last of all."""

    number: EntryNumber | None = None
    reviewer: str = ''


def mark_routes(service: Service) -> APIRouter:
    """``/api/marks``: what a person said of pairs of images."""
    router = APIRouter(prefix='/api/marks')

    @router.get('')
    def marks(limit: int = 100) -> dict[str, Any]:
        """How many marks of each answer hold, and the last of them, newest first."""
        if not 0 <= limit <= MOST_LISTED:
            raise ConfigError(f'limit is {limit}; give 0 to {MOST_LISTED}')
        holding = service.marks.holding()
        counts = Counter(mark.answer for mark in holding)
        last = holding[::-1][:limit]
        return {
            'counts': {answer: counts[answer] for answer in ANSWERS},
            'marks': [as_json(mark) for mark in last],
        }

    @router.post('', openapi_extra=documented(MarkRequest))
    async def add(request: Request) -> dict[str, Any]:
        """Mark a pair; it is on the disk when this answers."""
        wanted, _ = await read_request(request, MarkRequest)
        given = wanted.query, wanted.upload, [wanted.hit], wanted.answer, wanted.reviewer
        (mark,) = await run_in_threadpool(_add, service, *given)
        return as_json(mark)

    @router.post('/bulk', openapi_extra=documented(BulkRequest))
    async def add_bulk(request: Request) -> dict[str, Any]:
        """Mark a query with several hits, all or none."""
        wanted, _ = await read_request(request, BulkRequest)
        given = wanted.query, wanted.upload, wanted.hits, wanted.answer, wanted.reviewer
        marks = await run_in_threadpool(_add, service, *given)
        return {'marks': [as_json(mark) for mark in marks]}

    @router.post('/bulk/undo', openapi_extra=documented(BulkUndoRequest))
    async def undo_bulk(request: Request) -> dict[str, Any]:
        """Undo several marks, all or none."""
        wanted, _ = await read_request(request, BulkUndoRequest)
        undone = await run_in_threadpool(
            service.marks.undo_all, wanted.numbers, wanted.reviewer
        )
        return {'undone': [as_json(mark) for mark in undone]}

    @router.post('/undo', openapi_extra=documented(UndoRequest))
    async def undo(request: Request) -> dict[str, Any]:
        """Undo a mark; the one that the pair had before holds again."""
        wanted, _ = await read_request(request, UndoRequest)
        undone = await run_in_threadpool(service.marks.undo, wanted.number, wanted.reviewer)
        before = await run_in_threadpool(_holding_of, service, undone)
        return {'undone': as_json(undone), 'holds': None if before is None else as_json(before)}

    @router.get('/export.csv', response_class=Response)
    def export() -> Response:
        """A training list ``path,pid,camid`` of images that are marked as the same."""
        content = training_list(service.marks.state, service.gallery)
        name = {'Content-Disposition': 'attachment; filename="marks.csv"'}
        return Response(content, media_type='text/csv; charset=utf-8', headers=name)

    return router


def as_json(mark: Mark) -> dict[str, Any]:
    """A mark as JSON values; the query is named by its kind, as in a request."""
    kind = 'upload' if mark.query.kind == 'upload' else 'query'
    return {
        'number': mark.number,
        'time': mark.time,
        kind: mark.query.name,
        'hit': mark.hit.name,
        'answer': mark.answer,
        'reviewer': mark.reviewer,
    }


def _add(
    service: Service,
    id_: str | None,
    upload: str | None,
    hits: list[str],
    answer: str,
    reviewer: str,
) -> list[Mark]:
    if (id_ is None) == (upload is None):
        raise ConfigError('give either query, an id of the gallery, or upload')
    if len(hits) > service.limits.hits:
        raise ConfigError(f'hits has {len(hits):,} ids; give at most {service.limits.hits}')
    query = Image('gallery', id_) if id_ is not None else Image('upload', upload or '')
    wanted = [*hits] if id_ is None else [id_, *hits]
    service.known_items(wanted)
    images = [Image('gallery', hit) for hit in dict.fromkeys(hits)]
    return service.marks.add_all(query, images, answer, reviewer)


def _holding_of(service: Service, undone: Mark) -> Mark | None:
    pair = {undone.query, undone.hit}
    found = [
        mark for mark in service.marks.holding(undone.query) if {mark.query, mark.hit} == pair
    ]
    return found[-1] if found else None
