from __future__ import annotations

from collections import Counter
from typing import Any

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from msvitreid.errors import ConfigError

from .identities import training_list
from .marks import ANSWERS, Image, Mark
from .requests import MarkRequest, UndoRequest, documented, read_request
from .service import Service

MOST_LISTED = 1000


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
        mark = await run_in_threadpool(_add, service, wanted)
        return as_json(mark)

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
        content = training_list(service.marks.holding(), service.gallery)
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


def _add(service: Service, wanted: MarkRequest) -> Mark:
    if (wanted.query is None) == (wanted.upload is None):
        raise ConfigError('give either query, an id of the gallery, or upload')
    if wanted.query is not None:
        service.item(wanted.query)
        query = Image('gallery', wanted.query)
    else:
        query = Image('upload', wanted.upload or '')
    service.item(wanted.hit)
    return service.marks.add(
        query, Image('gallery', wanted.hit), wanted.answer, wanted.reviewer
    )


def _holding_of(service: Service, undone: Mark) -> Mark | None:
    pair = {undone.query, undone.hit}
    found = [
        mark for mark in service.marks.holding(undone.query) if {mark.query, mark.hit} == pair
    ]
    return found[-1] if found else None
