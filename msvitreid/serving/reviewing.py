"""Proposals of a review as JSON values, and what is said of them."""

from __future__ import annotations

import json
import threading
from typing import Any, NamedTuple

from msvitreid.errors import ConfigError, ReviewError
from msvitreid.utils.printable import printable

from .columns import shown
from .review import Image, ReviewState
from .review.background import Job, Report
from .review.changes import Plan, plan_group
from .review.groups import MOST_IMAGES, find_groups, open_groups
from .review.labels import recorded_pid
from .review.outliers import Outlier, find_outliers
from .service import Service


class _Found(NamedTuple):
    """Outliers, and what held when they were computed."""

    outliers: list[Outlier]
    state: ReviewState


class Reviewing:
    """Outliers and groups of a service's gallery."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._marks = service.marks
        self._lock = threading.Lock()
        self._open: tuple[Any, list[list[str]]] | None = None

    def outliers(self, offset: int, limit: int, again: bool) -> dict[str, Any]:
        """Outliers that nobody has decided about yet; see the route."""
        self._service.require_limit(limit)
        _require_place('offset', offset)

        def compute(report: Report) -> _Found:
            state = self._marks.state
            card = self._service.card
            threshold = None if card is None else card.same_threshold
            return _Found(find_outliers(self._service.gallery, state, threshold, report), state)

        key = 'outliers', self._service.gallery.revision()
        job = self._service.background.ask(key, compute, again)
        if job.result is None:
            return _computing(job)
        state = self._marks.state
        found: _Found = job.result
        kept: list[Outlier] = []
        changed = 0
        for one in found.outliers:
            image = Image('gallery', one.id)
            if one.id in state.asides or one.id in state.fine:
                continue
            was, now = found.state.identity_of(image), state.identity_of(image)
            if was.images != now.images or one.id in state.detached:
                changed += 1
            else:
                other = Image('gallery', one.other_id or '')
                is_known = one.other_id in state.asides or bool(state.between(image, other))
                one = one._replace(is_nearer=one.is_nearer and not is_known)
                if one.is_apart or one.is_nearer:
                    kept.append(one)
        part = kept[offset : offset + limit]
        ids = [id_ for one in part for id_ in (one.id, one.own_id, one.other_id) if id_]
        items = self._service.gallery.get([*dict.fromkeys(ids)], embeddings=False)
        return {
            'state': 'done',
            'total': len(kept),
            # Those whose identity was changed since; "again" looks at them with the others.
            'changed': changed,
            'outliers': [
                {
                    'id': one.id,
                    'images': one.images,
                    'mean': one.mean,
                    'others': one.others,
                    'apart': one.is_apart,
                    'nearer': one.is_nearer,
                    'margin': one.margin,
                    'of': self._image(one.id, state, items),
                    'own': {**self._image(one.own_id, state, items), 'similarity': one.own},
                    'other': one.other_id
                    and {
                        **self._image(one.other_id, state, items),
                        'similarity': one.other,
                    },
                }
                for one in part
            ],
        }

    def detach(self, id_: str, nearest: str, reviewer: str) -> dict[str, Any]:
        """Note that a recorded identity is wrong, and mark the pair as different.

        Raises:
            NotFoundError: an id is not in the gallery.
            ReviewError: the gallery records no identity, or another one for ``nearest``; or
                marks join them.
        """
        items = self._service.known_items([id_, nearest])
        pid = recorded_pid(items[id_].metadata)
        if pid is None or pid != recorded_pid(items[nearest].metadata):
            raise ReviewError(
                f'the gallery does not record one identity for {printable(id_)!r} and '
                f'{printable(nearest)!r}; mark the pair as different instead'
            )
        image, other = Image('gallery', id_), Image('gallery', nearest)

        def plan(state: ReviewState) -> Plan:
            if state.root(image) == state.root(other):
                raise ReviewError(
                    f'marks join {printable(id_)!r} and {printable(nearest)!r}; split their '
                    'identity instead'
                )
            pair = ((image, other, 'different'),)
            return Plan(((image,),), ('',), pair, notes=(('detached', image, pid),))

        number, _ = self._marks.apply(plan, None, reviewer)
        return {'change': number}

    def clusters(
        self, fmr: float | None, similarity: float | None, index: int
    ) -> dict[str, Any]:
        """A proposed group that is still open; see the route."""
        _require_place('index', index)
        if similarity is not None and not -1 <= similarity <= 1:
            raise ConfigError(f'similarity is {similarity}; give -1 to 1')
        threshold = self._service.searching.threshold(fmr, similarity)
        if threshold is None:
            card = self._service.card
            if card is None:
                raise ConfigError(
                    'give a similarity; a false match rate needs a calibration card'
                )
            threshold = card.same_threshold
        gallery = self._service.gallery
        key = 'clusters', gallery.revision(), threshold
        job = self._service.background.ask(
            key, lambda report: find_groups(gallery, threshold, report)
        )
        if job.result is None:
            return {**_computing(job), 'threshold': threshold}
        state = self._marks.state
        groups = self._still_open((*key, state.version), job.result, state, threshold)
        group = groups[index] if index < len(groups) else None
        items = gallery.get(group or [], embeddings=False)
        return {
            'state': 'done',
            'threshold': threshold,
            'total': len(groups),
            # Not shown, as nobody looks at so many; a higher similarity takes them apart.
            'too_large': sum(len(ids) > MOST_IMAGES for ids in job.result),
            'index': index,
            'images': group and [self._image(id_, state, items) for id_ in group],
        }

    def confirm(self, ids: list[str], removed: list[str], reviewer: str) -> dict[str, Any]:
        """Mark images as one identity; see the route.

        Raises:
            NotFoundError: an id is not in the gallery.
            ConfigError: one is there twice.
            ReviewError: marks say that two of the images differ; or see :meth:`MarkStore.apply`.
        """
        if len({*ids, *removed}) != len(ids) + len(removed):
            raise ConfigError('ids and removed have an id twice; give each once')
        self._service.known_items([*ids, *removed])
        number, plan = self._marks.apply(
            lambda state: plan_group(
                state,
                [Image('gallery', id_) for id_ in ids],
                [Image('gallery', id_) for id_ in removed],
            ),
            None,
            reviewer,
        )
        return {'change': number, 'marks': len(plan.marks)}

    def reject(self, ids: list[str], reviewer: str) -> dict[str, Any]:
        """Remember that a group is not one identity.

        Raises:
            NotFoundError: an id is not in the gallery.
        """
        self._service.known_items(ids)
        text = json.dumps(sorted(ids), ensure_ascii=False)
        notes = self._marks.note_all('rejected', [Image.of_group(ids)], text, reviewer)
        return {'change': notes[0].change}

    def _still_open(
        self, key: Any, groups: list[list[str]], state: ReviewState, threshold: float
    ) -> list[list[str]]:
        with self._lock:
            if self._open is None or self._open[0] != key:
                found = open_groups(groups, state, self._service.gallery, threshold)
                self._open = key, found
            return self._open[1]

    def _image(self, id_: str, state: ReviewState, items: dict[str, Any]) -> dict[str, Any]:
        image = Image('gallery', id_)
        identity = state.identity_of(image)
        metadata = items[id_].metadata if id_ in items else {}
        return {
            'id': id_,
            'metadata': shown(metadata),
            'recorded': recorded_pid(metadata),
            'identity': identity.name,
            'marked': len(identity.images) - 1,
        }


def _computing(job: Job) -> dict[str, Any]:
    return {'state': 'computing', 'progress': job.share}


def _require_place(name: str, value: int) -> None:
    if value < 0:
        raise ConfigError(f'{name} is {value}; give 0 or more')
