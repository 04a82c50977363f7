from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from pydantic import Field
from starlette.concurrency import run_in_threadpool

from msvitreid.errors import ConfigError
from msvitreid.serving.columns import shown
from msvitreid.serving.requests import EntryNumber, Strict, documented, read_request
from msvitreid.serving.review import Image, Mark, Note
from msvitreid.serving.reviewing import Reviewing
from msvitreid.serving.service import Service


class AsideRequest(Strict):
    """Images to set aside."""

    ids: list[str] = Field(min_length=1, max_length=200, description='of the gallery')
    reason: str = Field('', description='such as bad crop, or wrong reference')
    reviewer: str = ''


class FineRequest(Strict):
    """Images whose identity was checked and is right."""

    ids: list[str] = Field(min_length=1, max_length=200, description='of the gallery')
    reviewer: str = ''


class DetachRequest(Strict):
    """An image whose recorded identity is wrong."""

    id: str = Field(description='of the gallery')
    nearest: str = Field(description='an image of that identity, from which it differs')
    reviewer: str = ''


class ConfirmRequest(Strict):
    """A group of one identity, perhaps without some of its images."""

    ids: list[str] = Field(min_length=2, max_length=5000, description='of one identity')
    removed: list[str] = Field([], max_length=5000, description='that are of another one')
    reviewer: str = ''


class RejectRequest(Strict):
    """A group that is not one identity."""

    ids: list[str] = Field(min_length=2, max_length=5000, description='all ids of the group')
    reviewer: str = ''


class UndoChangeRequest(Strict):
    """The change to undo; without one, the last of all."""

    change: EntryNumber | None = None
    number: EntryNumber | None = Field(None, description='of one entry, in place of a change')
    reviewer: str = ''


def review_routes(service: Service) -> APIRouter:
    """``/api/review``: what is set aside, what is proposed, and the log of it all."""
    router = APIRouter(prefix='/api/review')
    reviewing = Reviewing(service)

    @router.get('/aside')
    def asides(after: str = '', limit: int = 48) -> dict[str, Any]:
        """Images that are set aside by ascending id, with the change that did it."""
        service.require_limit(limit)
        notes = service.marks.state.asides
        later = sorted(id_ for id_ in notes if id_ > after)[:limit]
        items = service.gallery.get(later, embeddings=False)
        return {
            'total': len(notes),
            'images': [
                {
                    'id': id_,
                    'metadata': shown(items[id_].metadata) if id_ in items else None,
                    'reason': notes[id_].value,
                    'reviewer': notes[id_].reviewer,
                    'time': notes[id_].time,
                    'change': notes[id_].change,
                    'number': notes[id_].number,
                }
                for id_ in later
            ],
        }

    @router.post('/aside', openapi_extra=documented(AsideRequest))
    async def set_aside(request: Request) -> dict[str, Any]:
        """Set images aside: searches leave them out, and so does the training list."""
        wanted, _ = await read_request(request, AsideRequest)
        given = 'aside', wanted.ids, wanted.reason, wanted.reviewer
        return await run_in_threadpool(_note, service, *given)

    @router.get('/outliers')
    def outliers(offset: int = 0, limit: int = 24, again: bool = False) -> dict[str, Any]:
        """References that are probably wrong, the clearest first.

        The first request starts to compute them, and ``again`` does so with the marks of now;
        until they are there, the answer has ``state`` "computing" and ``progress``, a share.
        """
        return reviewing.outliers(offset, limit, again)

    @router.post('/outliers/fine', openapi_extra=documented(FineRequest))
    async def fine(request: Request) -> dict[str, Any]:
        """Say of outliers that their identity is right; they are not proposed again."""
        wanted, _ = await read_request(request, FineRequest)
        return await run_in_threadpool(_note, service, 'fine', wanted.ids, '', wanted.reviewer)

    @router.post('/outliers/detach', openapi_extra=documented(DetachRequest))
    async def detach(request: Request) -> dict[str, Any]:
        """Split an image off the identity that the gallery records for it.

        The gallery is not changed: the log says that what it records is wrong, and that the
        image differs from one of that identity.
        """
        wanted, _ = await read_request(request, DetachRequest)
        return await run_in_threadpool(
            reviewing.detach, wanted.id, wanted.nearest, wanted.reviewer
        )

    @router.get('/clusters')
    def clusters(
        fmr: float | None = None, similarity: float | None = None, index: int = 0
    ) -> dict[str, Any]:
        """One of the groups that are proposed as identities, the largest first.

        They are clusters at a false match rate of the card (by default the one that it was
        made for), or at a similarity. Computed as outliers are, once for each gallery.
        """
        return reviewing.clusters(fmr, similarity, index)

    @router.post('/clusters/confirm', openapi_extra=documented(ConfirmRequest))
    async def confirm(request: Request) -> dict[str, Any]:
        """Mark the images as the same, and removed ones as different, all or none."""
        wanted, _ = await read_request(request, ConfirmRequest)
        given = wanted.ids, wanted.removed, wanted.reviewer
        return await run_in_threadpool(reviewing.confirm, *given)

    @router.post('/clusters/reject', openapi_extra=documented(RejectRequest))
    async def reject(request: Request) -> dict[str, Any]:
        """Say that a group is not one identity; it is not proposed again."""
        wanted, _ = await read_request(request, RejectRequest)
        return await run_in_threadpool(reviewing.reject, wanted.ids, wanted.reviewer)

    @router.get('/log')
    def log(before: EntryNumber | None = None, limit: int = 48) -> dict[str, Any]:
        """Entries of the log, newest first, those before a number."""
        service.require_limit(limit)
        return {'entries': service.marks.history(before, limit)}

    @router.post('/undo', openapi_extra=documented(UndoChangeRequest))
    async def undo(request: Request) -> dict[str, Any]:
        """Undo all of a change, such as a merge; what held before holds again."""
        wanted, _ = await read_request(request, UndoChangeRequest)
        if None not in (wanted.change, wanted.number):
            raise ConfigError('change and number cannot be combined; give one of them')
        undone = await run_in_threadpool(
            service.marks.undo_change, wanted.change, wanted.reviewer, wanted.number
        )
        return {'change': undone[0].change, 'undone': [_entry(one) for one in undone]}

    return router


def _note(
    service: Service, action: str, ids: list[str], value: str, reviewer: str
) -> dict[str, Any]:
    service.known_items(ids)
    images = [Image('gallery', id_) for id_ in dict.fromkeys(ids)]
    notes = service.marks.note_all(action, images, value, reviewer)
    return {'change': max(note.change for note in notes), 'images': len(notes)}


def _entry(entry: Mark | Note) -> dict[str, Any]:
    if isinstance(entry, Mark):
        ids = [entry.query.name, entry.hit.name]
        return {'number': entry.number, 'action': 'mark', 'images': ids, 'value': entry.answer}
    ids = [entry.image.name]
    return {
        'number': entry.number,
        'action': entry.action,
        'images': ids,
        'value': entry.value,
    }
