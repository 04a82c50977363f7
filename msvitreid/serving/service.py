"""What the routes work with: the gallery, its model, the review, and what is computed of them."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import Any

import numpy as np

from msvitreid.apis.indexing import (
    image_path,
    parse_conditions,
    require_columns,
    require_same_model,
)
from msvitreid.apis.inferencer import ReIDInferencer
from msvitreid.apis.verification import CalibrationCard, Verifier
from msvitreid.errors import ConfigError, GalleryError
from msvitreid.gallery import GalleryStore
from msvitreid.gallery.items import Item
from msvitreid.utils.printable import printable

from .columns import Columns, require_shown, shown
from .limits import Limits
from .review import MarkStore
from .review.background import Background
from .searching import Searching
from .thumbnails import LARGE, Thumbnails, encode
from .uploads import UploadEmbedder, in_pool


class NotFoundError(GalleryError):
    """An id is not in the gallery, or its image is not there."""


class Service:
    """A gallery with its model.

    Images of the gallery are decoded in threads of their own.

    Args:
        gallery: opened read-only.
        inferencer: of the gallery's model.
        card: of the same model.
        marks: of the review.
        limits: of what clients may ask.
        root: folder that ids are relative to, if the images were moved.

    Attributes:
        uploads: embeds uploaded images.
        searching: searches the gallery.
        background: computes what takes minutes.

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
        self.uploads = UploadEmbedder(inferencer, limits)
        self.searching = Searching(gallery, self.verifier, marks, limits)
        self.background = Background()
        self._root = root
        self._columns = Columns(gallery)
        self._thumbnails = Thumbnails(limits.thumbnail_bytes)
        self._decoders = ThreadPoolExecutor(limits.image_threads, 'image')

    def close(self) -> None:
        """Wait for what is being computed, but not for what takes minutes."""
        self.background.close()
        self.uploads.close()
        self._decoders.shutdown(cancel_futures=True)

    @property
    def card(self) -> CalibrationCard | None:
        return None if self.verifier is None else self.verifier.card

    def item(self, id_: str) -> Item:
        """An item of the gallery.

        Raises:
            NotFoundError: there is none of this id.
        """
        return self.known_items([id_], embeddings=True)[id_]

    def known_items(self, ids: Sequence[str], embeddings: bool = False) -> dict[str, Item]:
        """Items of the gallery by id.

        Raises:
            NotFoundError: there is none of one of the ids.
        """
        found = self.gallery.get([*dict.fromkeys(ids)], embeddings)
        for id_ in ids:
            if id_ not in found:
                raise NotFoundError(f'the id {printable(id_)!r} is not in the gallery')
        return found

    def compare(
        self, a: np.ndarray, b: np.ndarray, cameras: tuple[str, str] | None, is_one: bool
    ) -> dict[str, Any]:
        """Whether two embeddings are of one identity; without a card only their similarity."""
        similarity = float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))
        known = {'fingerprint': self.gallery.fingerprint}
        if self.verifier is None:
            return {'similarity': similarity, **known}
        return {**asdict(self.verifier.decide(similarity, cameras, is_one)), **known}

    def items(
        self, after: str, limit: int, where: Sequence[str], start: str = ''
    ) -> list[dict[str, Any]]:
        """Items by ascending id, without their embeddings; ``after`` comes before ``start``."""
        conditions = parse_conditions(where)
        require_shown(conditions)
        if after or start:
            if 'id' in conditions:
                name = 'after' if after else 'start'
                raise ConfigError(f'{name} and a condition on id cannot be combined')
            conditions['id'] = {'>': after} if after else {'>=': start}
        self.require_limit(limit)
        batch = next(iter(self.gallery.scan(conditions, limit, embeddings=False)), [])
        if not batch:
            require_columns(self.gallery, conditions)
        return [{'id': item.id, 'metadata': shown(item.metadata)} for item in batch]

    def require_limit(self, limit: int) -> None:
        """Raises:
        ConfigError: a list of so many items is not given.
        """
        if not 1 <= limit <= self.limits.hits:
            raise ConfigError(f'limit is {limit}; give 1 to {self.limits.hits}')

    async def picture(self, id_: str, small: bool) -> bytes:
        """An item's image as JPEG.

        Raises:
            NotFoundError: there is no such item, or nobody knows where its image is.
            DatasetError: it cannot be read.
        """
        # In a thread: it waits for what else reads the gallery.
        item = (await in_pool(self._decoders, self.known_items, [id_]))[id_]
        path = image_path(id_, item.metadata, self._root)
        if path is None:
            raise NotFoundError(f'the id {printable(id_)!r} has no path to an image')
        if small:
            return await in_pool(self._decoders, self._thumbnails.of, path)
        return await in_pool(self._decoders, encode, path, LARGE)

    def facts(self) -> dict[str, Any]:
        """The gallery, its columns, and the card."""
        card = self.card
        facts = {
            'images': len(self.gallery),
            'dimension': self.gallery.dimension,
            'precision': self.gallery.precision,
            'fingerprint': self.gallery.fingerprint,
            **self._columns.facts(),
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
