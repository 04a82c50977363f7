"""What the server answers, whatever the protocol: searches, comparisons and images of a gallery."""

from __future__ import annotations

import asyncio
import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import Any, NamedTuple, TypeVar

import numpy as np

from msvitreid.apis.image_inputs import ImageInput
from msvitreid.apis.indexing import (
    image_path,
    parse_conditions,
    require_columns,
    require_same_model,
)
from msvitreid.apis.inferencer import ReIDInferencer
from msvitreid.apis.verification import CalibrationCard, Verifier
from msvitreid.errors import CalibrationError, ConfigError, GalleryError
from msvitreid.gallery import GalleryStore
from msvitreid.gallery.items import Item
from msvitreid.gallery.where import check_column
from msvitreid.utils.printable import printable

from .limits import Limits
from .marks import Image, MarkStore
from .requests import SearchRequest
from .thumbnails import LARGE, Thumbnails, encode

T = TypeVar('T')
Box = tuple[float, float, float, float]

#: Embeddings of uploads that are kept, for the next search with other filters.
MOST_KEPT = 256
#: Items that are read to find the columns, and values of a column that are listed.
MOST_ITEMS, MOST_VALUES = 10_000, 50
COLUMNS_SECONDS = 60


class NotFoundError(GalleryError):
    """An id is not in the gallery, or its image is not there."""


class BusyError(ConfigError):
    """Too many requests wait for the net."""


class Upload(NamedTuple):
    """The bytes of an uploaded file, and the box in pixels that is meant, or None for all."""

    content: bytes
    box: Box | None = None

    @property
    def digest(self) -> str:
        """SHA-256 of both: what the image is called, which is kept nowhere else."""
        box = '' if self.box is None else ','.join(map(repr, self.box))
        return hashlib.sha256(self.content + b'\0' + box.encode()).hexdigest()


class Service:
    """A gallery with its model.

    The net has a thread of its own, or as many as ``limits.embeddings``, so that images are
    embedded in turn; images of the gallery are decoded in others.

    Args:
        gallery: opened read-only.
        inferencer: of the gallery's model.
        card: of the same model.
        marks: of the review.
        limits: of what clients may ask.
        root: folder that ids are relative to, if the images were moved.

    Raises:
        GalleryError: the gallery is of another model.
        CalibrationError: the card is.
    """

    def __init__(
        self,
        gallery: GalleryStore,
        inferencer: ReIDInferencer,
        card: CalibrationCard | None,
        marks: MarkStore,
        limits: Limits,
        root: str | None = None,
    ) -> None:
        require_same_model(gallery, inferencer.fingerprint)
        self.gallery = gallery
        self.marks = marks
        self.limits = limits
        self.verifier = None if card is None else Verifier(inferencer, card)
        self._inferencer = inferencer
        self._root = root
        self._thumbnails = Thumbnails(limits.thumbnail_bytes)
        self._net = ThreadPoolExecutor(limits.embeddings, 'net')
        self._decoders = ThreadPoolExecutor(limits.image_threads, 'image')
        self._waiting = 0
        self._kept: OrderedDict[str, np.ndarray] = OrderedDict()
        self._lock = threading.Lock()
        self._columns: tuple[float, dict[str, Any]] | None = None

    def warm_up(self) -> None:
        """Have the net compute once, in its thread, so that the first client need not wait."""
        black = np.zeros((64, 32, 3), np.uint8)
        self._net.submit(self._inferencer.embed, [black], color='rgb', on_error='skip')

    def close(self) -> None:
        """Wait for what is being computed."""
        self._net.shutdown(cancel_futures=True)
        self._decoders.shutdown(cancel_futures=True)

    @property
    def card(self) -> CalibrationCard | None:
        return None if self.verifier is None else self.verifier.card

    async def embed(self, upload: Upload) -> np.ndarray:
        """The embedding ``(D,)`` of an upload.

        Raises:
            DatasetError: it is no image that can be read, or the box lies outside of it.
            BusyError: too many wait already.
        """
        digest = upload.digest
        with self._lock:
            if (known := self._kept.get(digest)) is not None:
                self._kept.move_to_end(digest)
                return known
        if self._waiting >= self.limits.waiting + self.limits.embeddings:
            raise BusyError('too many images wait to be embedded; try again in a few seconds')
        self._waiting += 1
        try:
            vector = await _in_pool(self._net, self._embed, upload)
        finally:
            self._waiting -= 1
        with self._lock:
            self._kept[digest] = vector
            while len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
        return vector

    def item(self, id_: str) -> Item:
        """An item of the gallery.

        Raises:
            NotFoundError: there is none of this id.
        """
        found = self.gallery.get([id_]).get(id_)
        if found is None:
            raise NotFoundError(f'the id {printable(id_)!r} is not in the gallery')
        return found

    def search(
        self, request: SearchRequest, query: Upload | Item, vector: np.ndarray
    ) -> dict[str, Any]:
        """The hits of a query, as JSON values.

        Raises:
            ConfigError, GalleryError, CalibrationError: an option of the request is wrong.
        """
        if isinstance(query, Item):
            image = Image('gallery', query.id)
            own = {**query.metadata, 'id': query.id, 'hash': query.hash}
        else:
            image = Image('upload', query.digest)
            own = {} if query.box else {'hash': hashlib.sha256(query.content).hexdigest()}
        threshold = self._threshold(request)
        where = parse_conditions(request.where)
        exclude = {**self._excluded(request.exclude, own), 'id': [own.get('id')]}
        if request.k > self.limits.hits:
            raise ConfigError(
                f'k is {request.k:,}, and at most {self.limits.hits} hits are given'
            )
        found = self.gallery.search(
            vector[None],
            request.k,
            threshold=threshold,
            where=where,
            exclude=exclude,
            group_by=request.group_by,
            normalize=True,
        )
        if where and not found.ids[0]:
            require_columns(self.gallery, where)
        answers = self.marks.answers_for(image)
        hits = []
        for id_, similarity, metadata in zip(
            found.ids[0], found.similarities[0].tolist(), found.metadata[0], strict=True
        ):
            hit = {'id': id_, 'similarity': similarity, 'metadata': shown(metadata)}
            mark = answers.get(id_)
            hit['mark'] = (
                None if mark is None else {'number': mark.number, 'answer': mark.answer}
            )
            if self.verifier is not None:
                decision = self.verifier.decide(similarity)
                hit |= {'answer': decision.answer, 'p_same': decision.p_same}
            hits.append(hit)
        return {
            'query': {image.kind: image.name, 'metadata': shown(own)},
            'hits': hits,
            'exactness': found.exactness,
            'threshold': threshold,
            'fingerprint': self.gallery.fingerprint,
        }

    def compare(
        self, a: np.ndarray, b: np.ndarray, cameras: tuple[str, str] | None, is_one: bool
    ) -> dict[str, Any]:
        """Whether two embeddings are of one identity; without a card only their similarity."""
        similarity = float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))
        known = {'fingerprint': self.gallery.fingerprint}
        if self.verifier is None:
            return {'similarity': similarity, **known}
        return {**asdict(self.verifier.decide(similarity, cameras, is_one)), **known}

    def items(self, after: str, limit: int, where: Sequence[str]) -> list[dict[str, Any]]:
        """Items by ascending id, without their embeddings."""
        conditions = parse_conditions(where)
        if after:
            if 'id' in conditions:
                raise ConfigError('after and a condition on id cannot be combined')
            conditions['id'] = {'>': after}
        if not 1 <= limit <= self.limits.hits:
            raise ConfigError(f'limit is {limit}; give 1 to {self.limits.hits}')
        batch = next(iter(self.gallery.scan(conditions, limit, embeddings=False)), [])
        return [{'id': item.id, 'metadata': shown(item.metadata)} for item in batch]

    async def picture(self, id_: str, small: bool) -> bytes:
        """An item's image as JPEG.

        Raises:
            NotFoundError: there is no such item, or nobody knows where its image is.
            DatasetError: it cannot be read.
        """
        item = self.gallery.get([id_], embeddings=False).get(id_)
        path = None if item is None else image_path(id_, item.metadata, self._root)
        if path is None:
            what = 'is not in the gallery' if item is None else 'has no path to an image'
            raise NotFoundError(f'the id {printable(id_)!r} {what}')
        if small:
            return await _in_pool(self._decoders, self._thumbnails.of, path)
        return await _in_pool(self._decoders, encode, path, LARGE)

    def facts(self) -> dict[str, Any]:
        """The gallery, its columns, and the card."""
        card = self.card
        facts = {
            'images': len(self.gallery),
            'dimension': self.gallery.dimension,
            'precision': self.gallery.precision,
            'fingerprint': self.gallery.fingerprint,
            **self._column_facts(),
            'limits': {'hits': self.limits.hits, 'body_bytes': self.limits.body_bytes},
            'card': None,
        }
        if card is not None:
            facts['card'] = {
                'data': card.data.name,
                'fmr_asked': card.fmr_asked,
                'lowest_fmr': card.lowest_fmr,
                'same_threshold': card.same_threshold,
                'different_threshold': card.different_threshold,
                'eer': card.eer,
                'det': [asdict(point) for point in card.det],
            }
        return facts

    def _embed(self, upload: Upload) -> np.ndarray:
        image = ImageInput('the uploaded image', upload.content)
        if upload.box is None:
            return self._inferencer.embed([image], progress=False).embeddings[0]
        found = self._inferencer.embed_boxes(image, [upload.box], on_error='raise')
        return found.embeddings[0]

    def _threshold(self, request: SearchRequest) -> float | None:
        if request.fmr is None:
            return request.threshold
        if request.threshold is not None:
            raise ConfigError('threshold and fmr cannot be combined; give one of them')
        if self.card is None:
            raise CalibrationError(
                'fmr needs a calibration card; start the server with --card, or give a threshold'
            )
        return self.card.threshold(request.fmr)

    def _excluded(self, texts: Sequence[str], own: dict[str, Any]) -> dict[str, list[Any]]:
        """``COLUMN`` for the query's own value, ``COLUMN=VALUE`` for another."""
        excluded: dict[str, list[Any]] = {}
        for text in texts:
            if '=' in text:
                ((column, values),) = parse_conditions([text]).items()
                if not isinstance(values, list):
                    raise ConfigError(f'exclude {printable(text)!r} must be COLUMN=VALUE')
                # A number may be stored as such or as a text.
                value = next((v for v in values if self.gallery.count({column: v})), values[0])
            else:
                column = check_column(text)
                value = own.get(column)
                if value is None:
                    raise ConfigError(
                        f'the {column} of the query is not known; give it as '
                        f'exclude={column}=VALUE, or leave it out'
                    )
            excluded[column] = [value]
        return excluded

    def _column_facts(self) -> dict[str, Any]:
        """Columns with their commonest kinds and values, of the first items by id."""
        if self._columns is not None and time.monotonic() - self._columns[0] < COLUMNS_SECONDS:
            return self._columns[1]
        values: dict[str, set[Any]] = {}
        looked_at = 0
        for batch in self.gallery.scan(embeddings=False):
            for item in batch:
                for column, value in shown(item.metadata).items():
                    found = values.setdefault(column, set())
                    is_plain = value is not None and isinstance(value, str | int | float)
                    if is_plain and len(found) <= MOST_VALUES:
                        found.add(value)
            looked_at += len(batch)
            if looked_at >= MOST_ITEMS:
                break
        facts = {
            'columns': {
                # Of a column with many, such as a time, none is listed.
                name: sorted(found, key=lambda v: (isinstance(v, str), v))
                if len(found) <= MOST_VALUES
                else []
                for name, found in sorted(values.items())
            },
            'columns_of': looked_at,
        }
        self._columns = time.monotonic(), facts
        return facts


def shown(metadata: dict[str, Any]) -> dict[str, Any]:
    """Metadata without what only this machine should know, and what is given elsewhere."""
    return {
        name: value for name, value in metadata.items() if name not in ('path', 'id', 'hash')
    }


async def _in_pool(pool: ThreadPoolExecutor, function: Callable[..., T], *values: Any) -> T:
    return await asyncio.wrap_future(pool.submit(function, *values))
