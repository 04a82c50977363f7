"""Searches of a gallery with the review's marks, as JSON values."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from pydantic import Field

from msvitreid.apis.indexing import parse_conditions, require_columns
from msvitreid.apis.verification import Verifier
from msvitreid.errors import CalibrationError, ConfigError
from msvitreid.gallery import GalleryStore
from msvitreid.gallery.items import Item
from msvitreid.gallery.where import MOST_CONDITIONS, check_column
from msvitreid.utils.printable import printable

from .columns import require_shown, shown
from .limits import Limits
from .requests import Strict
from .review import Image, MarkStore
from .uploads import Upload

#: Values that one text may stand for: a text, a number, and a few more.
MOST_ALTERNATIVES = 8


class SearchRequest(Strict):
    """A search by an uploaded image or by an ``id`` of the gallery."""

    id: str | None = Field(None, description='of an image of the gallery to search with')
    box: str | None = Field(None, description='left,top,right,bottom of the upload, in pixels')
    k: int = Field(10, ge=1, description='hits at most')
    threshold: float | None = Field(None, ge=-1, le=1, description='smallest similarity')
    fmr: float | None = Field(None, gt=0, le=1, description="threshold at the card's FMR")
    where: list[str] = Field(
        [], max_length=MOST_CONDITIONS, description='conditions: camera=1,2 or time>=10'
    )
    exclude: list[str] = Field(
        [],
        max_length=MOST_CONDITIONS,
        description='camera (the same as the query), camera=1',
    )
    group_by: str | None = Field(None, description='one hit for each value of a column')
    with_aside: bool = Field(False, description='find images that were set aside, too')
    hide_different: bool = Field(
        False, description='without images that are marked as different from the query'
    )


class Searching:
    """Searches of one gallery.

    Args:
        gallery: opened read-only.
        verifier: for thresholds at false match rates, and for answers.
        marks: of the review.
        limits: of what clients may ask.
    """

    def __init__(
        self,
        gallery: GalleryStore,
        verifier: Verifier | None,
        marks: MarkStore,
        limits: Limits,
    ) -> None:
        self._gallery = gallery
        self._verifier = verifier
        self._marks = marks
        self._limits = limits

    def search(
        self, request: SearchRequest, query: Upload | Item, vector: np.ndarray
    ) -> dict[str, Any]:
        """The hits of a query.

        Raises:
            ConfigError, GalleryError, CalibrationError: an option of the request is wrong.
        """
        if isinstance(query, Item):
            image = Image('gallery', query.id)
            own = {**query.metadata, 'id': query.id, 'hash': query.hash}
        else:
            image = Image('upload', query.digest)
            own = {} if query.box else {'hash': hashlib.sha256(query.content).hexdigest()}
        threshold = self.threshold(request.fmr, request.threshold)
        where = parse_conditions(request.where)
        require_shown([*where, request.group_by or ''])
        if request.k > self._limits.hits:
            raise ConfigError(
                f'k is {request.k:,}, and at most {self._limits.hits} hits are given'
            )
        state = self._marks.state
        different = state.different_from(image)
        hidden = {own.get('id'), *(() if request.with_aside else state.asides)} - {None}
        if request.hide_different:
            hidden.update(different)
        exclude: dict[str, list[Any]] = self._excluded(request.exclude, own)
        hidden.update(exclude.get('id', ()))
        if hidden:
            exclude['id'] = [sorted(hidden)]
        found = self._gallery.search(
            vector[None],
            request.k,
            threshold=threshold,
            where=where,
            exclude=exclude,
            group_by=request.group_by,
            normalize=True,
        )
        if where and not found.ids[0]:
            require_columns(self._gallery, where)
        answers = self._marks.answers_for(image)
        hits = []
        for id_, similarity, metadata in zip(
            found.ids[0], found.similarities[0].tolist(), found.metadata[0], strict=True
        ):
            mark, negative = answers.get(id_), different.get(id_)
            hit = {
                'id': id_,
                'similarity': similarity,
                'metadata': shown(metadata),
                'mark': mark and {'number': mark.number, 'answer': mark.answer},
                'different': negative and negative.number,
                'identity': state.identity_of(Image('gallery', id_)).name,
                'aside': id_ in state.asides,
            }
            if self._verifier is not None:
                decision = self._verifier.decide(similarity)
                hit |= {'answer': decision.answer, 'p_same': decision.p_same}
            hits.append(hit)
        return {
            'query': {
                image.kind: image.name,
                'metadata': shown(own),
                'identity': state.identity_of(image).name,
            },
            'hits': hits,
            'exactness': found.exactness,
            'threshold': threshold,
            'fingerprint': self._gallery.fingerprint,
        }

    def threshold(self, fmr: float | None, similarity: float | None) -> float | None:
        """A similarity, given as such or as a false match rate of the card.

        Raises:
            ConfigError, CalibrationError: both are given, or there is no card for a rate.
        """
        if fmr is None:
            return similarity
        if similarity is not None:
            raise ConfigError('threshold and fmr cannot be combined; give one of them')
        if self._verifier is None:
            raise CalibrationError(
                'fmr needs a calibration card; start the server with --card, or give a threshold'
            )
        return self._verifier.card.threshold(fmr)

    def _excluded(self, texts: Sequence[str], own: dict[str, Any]) -> dict[str, list[Any]]:
        """``COLUMN`` for the query's own value, ``COLUMN=VALUE`` for another."""
        excluded: dict[str, list[Any]] = {}
        for text in texts:
            if '=' in text:
                ((column, values),) = parse_conditions([text]).items()
                if not isinstance(values, list):
                    raise ConfigError(f'exclude {printable(text)!r} must be COLUMN=VALUE')
                # A number may be stored as such or as a text; each value is looked for.
                if len(values) > MOST_ALTERNATIVES:
                    raise ConfigError(
                        f'exclude of {column!r} has {len(values):,} values; give one'
                    )
                require_shown([column])
                value = next((v for v in values if self._gallery.count({column: v})), values[0])
            else:
                column = check_column(text)
                require_shown([column])
                value = own.get(column)
                if value is None:
                    raise ConfigError(
                        f'the {column} of the query is not known; give it as '
                        f'exclude={column}=VALUE, or leave it out'
                    )
            excluded[column] = [value]
        return excluded
