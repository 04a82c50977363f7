from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

from fastapi import APIRouter, Request
from pydantic import Field
from starlette.concurrency import run_in_threadpool

from msvitreid.errors import ConfigError
from msvitreid.serving.columns import shown
from msvitreid.serving.requests import Strict, documented, read_request
from msvitreid.serving.review import Identity, Image, ReviewState
from msvitreid.serving.review.changes import Plan, plan_merge, plan_name, plan_split
from msvitreid.serving.review.labels import recorded_pid
from msvitreid.serving.service import Service

from .marks import as_json

#: Images and marks of a scope that are listed; all are counted.
MOST_LISTED = 200
#: Images of an identity that a list of identities shows.
MOST_SAMPLES = 6
DIGEST = '^[0-9a-f]{64}$'


class NameRequest(Strict):
    """A name for the identity of an image."""

    image: str = Field(description='id of an image of the identity')
    name: str = Field(description="'' takes the name away")
    reviewer: str = ''


class MergeScopeRequest(Strict):
    """Identities to become one."""

    images: list[str] = Field(
        min_length=2, max_length=200, description='ids, one of each identity'
    )
    name: str | None = Field(
        None, description='of the result; by default the first that one of them has'
    )


class MergeRequest(MergeScopeRequest):
    """A merge as its scope was shown."""

    digest: str = Field(pattern=DIGEST, description='of the scope')
    reviewer: str = ''


class SplitScopeRequest(Strict):
    """Images of an identity to become one of their own."""

    images: list[str] = Field(min_length=1, max_length=2000, description='ids, of one identity')
    name: str = Field('', description='of the new identity')


class SplitRequest(SplitScopeRequest):
    """A split as its scope was shown."""

    digest: str = Field(pattern=DIGEST, description='of the scope')
    reviewer: str = ''


def identity_routes(service: Service) -> APIRouter:
    """``/api/identities``: images that marks join, with names; merges and splits of them."""
    router = APIRouter(prefix='/api/identities')

    @router.get('')
    def identities(after: str = '', limit: int = 48, name: str = '') -> dict[str, Any]:
        """Identities by their first images, from the one after ``after`` on.

        ``name`` finds those whose name has this part, in any case.
        """
        service.require_limit(limit)
        state = service.marks.state
        part = name.casefold()
        found = [one for one in state.identities if part in one.name.casefold()]
        later = [one for one in found if one.anchor.name > after][:limit]
        samples = [id_ for one in later for id_ in one.ids[:MOST_SAMPLES]]
        pids = _recorded(service, samples)
        return {
            'total': len(found),
            'identities': [_summary(one, pids) for one in later],
        }

    @router.get('/of')
    def identity(image: str) -> dict[str, Any]:
        """The identity of an image of the gallery with all its images and marks."""
        service.known_items([image])
        state = service.marks.state
        found = state.identity_of(Image('gallery', image))
        items = service.gallery.get(found.ids, embeddings=False)
        images = {*found.images}
        marks = [mark for mark in state.marks if mark.query in images or mark.hit in images]
        return {
            **_summary(
                found, {id_: recorded_pid(item.metadata) for id_, item in items.items()}
            ),
            'images': [
                {
                    'id': id_,
                    'metadata': shown(items[id_].metadata) if id_ in items else None,
                    'aside': id_ in state.asides,
                }
                for id_ in found.ids
            ],
            'marks': [as_json(mark) for mark in marks[:MOST_LISTED]],
        }

    @router.post('/name', openapi_extra=documented(NameRequest))
    async def name(request: Request) -> dict[str, Any]:
        """Name the identity of an image; the name is the pid in the training list."""
        wanted, _ = await read_request(request, NameRequest)

        def change() -> dict[str, Any]:
            (image,) = _images(service, [wanted.image])
            plan_of = partial(plan_name, image=image, name=wanted.name)
            number, plan = service.marks.apply(plan_of, None, wanted.reviewer)
            return {'change': number, 'name': plan.names[0]}

        return await run_in_threadpool(change)

    @router.post('/merge/scope', openapi_extra=documented(MergeScopeRequest))
    async def merge_scope(request: Request) -> dict[str, Any]:
        """What a merge would touch; nothing is changed. Its digest confirms it."""
        wanted, _ = await read_request(request, MergeScopeRequest)
        return await run_in_threadpool(_scope, service, lambda: _merge(service, wanted))

    @router.post('/merge', openapi_extra=documented(MergeRequest))
    async def merge(request: Request) -> dict[str, Any]:
        """Merge identities, all or none, if the scope is still the one of the digest."""
        wanted, _ = await read_request(request, MergeRequest)
        return await run_in_threadpool(
            _carry_out, service, lambda: _merge(service, wanted), wanted.digest, wanted.reviewer
        )

    @router.post('/split/scope', openapi_extra=documented(SplitScopeRequest))
    async def split_scope(request: Request) -> dict[str, Any]:
        """What a split would touch; nothing is changed. Its digest confirms it."""
        wanted, _ = await read_request(request, SplitScopeRequest)
        return await run_in_threadpool(_scope, service, lambda: _split(service, wanted))

    @router.post('/split', openapi_extra=documented(SplitRequest))
    async def split(request: Request) -> dict[str, Any]:
        """Split an identity, all or nothing, if the scope is still the one of the digest."""
        wanted, _ = await read_request(request, SplitRequest)
        return await run_in_threadpool(
            _carry_out, service, lambda: _split(service, wanted), wanted.digest, wanted.reviewer
        )

    return router


PlanOf = Callable[[ReviewState], Plan]


def _merge(service: Service, wanted: MergeScopeRequest) -> PlanOf:
    images = _images(service, wanted.images)
    return partial(plan_merge, images=images, name=wanted.name)


def _split(service: Service, wanted: SplitScopeRequest) -> PlanOf:
    images = _images(service, wanted.images)
    identity = service.marks.state.identity_of(images[0])
    pids = {id_: pid for id_, pid in _recorded(service, identity.ids).items() if pid}
    return partial(plan_split, images=images, name=wanted.name, recorded=pids)


def _scope(service: Service, make: Callable[[], PlanOf]) -> dict[str, Any]:
    return scope(make()(service.marks.state))


def _carry_out(
    service: Service, make: Callable[[], PlanOf], digest: str, reviewer: str
) -> dict[str, Any]:
    number, plan = service.marks.apply(make(), digest, reviewer)
    return {'change': number, **scope(plan)}


def scope(plan: Plan) -> dict[str, Any]:
    """A plan as JSON values: counts of all, and the first of each list."""
    return {
        'digest': plan.digest,
        'images': sum(len(part) for part in plan.parts),
        'identities': [
            {
                'name': name,
                'images': len(part),
                'ids': [one.name for one in part if one.kind == 'gallery'][:MOST_LISTED],
            }
            for part, name in zip(plan.parts, plan.names, strict=True)
        ],
        'marks': {answer: count for answer, count in _answers(plan).items() if count},
        'added': [
            {_kind(one): one.name, 'hit': other.name, 'answer': answer}
            for one, other, answer in plan.marks[:MOST_LISTED]
        ],
        'replaced': len(plan.replaced),
        'replaced_marks': [as_json(mark) for mark in plan.replaced[:MOST_LISTED]],
        'recorded_wrong': [
            image.name for action, image, _ in plan.notes if action == 'detached'
        ][:MOST_LISTED],
    }


def _answers(plan: Plan) -> Counter[str]:
    return Counter(answer for _, _, answer in plan.marks)


def _kind(image: Image) -> str:
    return 'upload' if image.kind == 'upload' else 'query'


def _images(service: Service, ids: list[str]) -> list[Image]:
    if len(set(ids)) != len(ids):
        raise ConfigError('images has an id twice; give each once')
    service.known_items(ids)
    return [Image('gallery', id_) for id_ in ids]


def _recorded(service: Service, ids: list[str]) -> dict[str, str | None]:
    items = service.gallery.get(ids, embeddings=False)
    return {id_: recorded_pid(item.metadata) for id_, item in items.items()}


def _summary(identity: Identity, pids: dict[str, str | None]) -> dict[str, Any]:
    ids = identity.ids
    return {
        'image': identity.anchor.name,
        'name': identity.name,
        'count': len(ids),
        'uploads': len(identity.images) - len(ids),
        'samples': ids[:MOST_SAMPLES],
        'recorded': sorted({pid for id_ in ids if (pid := pids.get(id_)) is not None}),
    }
