"""Uploaded images: what they are called, and their embeddings."""

from __future__ import annotations

import asyncio
import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, TypeVar

import numpy as np

from msvitreid.apis.image_inputs import ImageInput
from msvitreid.apis.inferencer import ReIDInferencer

from .limits import BusyError, Limits

T = TypeVar('T')
Box = tuple[float, float, float, float]

#: Embeddings of uploads that are kept, for the next search with other filters.
MOST_KEPT = 256


class Upload(NamedTuple):
    """The bytes of an uploaded file, and the box in pixels that is meant, or None for all."""

    content: bytes
    box: Box | None = None

    @property
    def digest(self) -> str:
        """SHA-256 of both: what the image is called, which is kept nowhere else."""
        box = '' if self.box is None else ','.join(map(repr, self.box))
        return hashlib.sha256(self.content + b'\0' + box.encode()).hexdigest()


class UploadEmbedder:
    """The net, in a thread of its own, or as many as ``limits.embeddings``.

    Images are embedded in turn, and the last few embeddings are kept.
    """

    def __init__(self, inferencer: ReIDInferencer, limits: Limits) -> None:
        self._inferencer = inferencer
        self._limits = limits
        self._pool = ThreadPoolExecutor(limits.embeddings, 'net')
        self._waiting = 0
        self._kept: OrderedDict[str, np.ndarray] = OrderedDict()
        self._lock = threading.Lock()

    def warm_up(self) -> None:
        """Have the net compute once, in its thread, so that the first client need not wait."""
        black = np.zeros((64, 32, 3), np.uint8)
        self._pool.submit(self._inferencer.embed, [black], color='rgb', on_error='skip')

    def close(self) -> None:
        """Wait for what is being computed."""
        self._pool.shutdown(cancel_futures=True)

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
        if self._waiting >= self._limits.waiting + self._limits.embeddings:
            raise BusyError('too many images wait to be embedded; try again in a few seconds')
        self._waiting += 1
        try:
            vector = await in_pool(self._pool, self._embed, upload)
        finally:
            self._waiting -= 1
        with self._lock:
            self._kept[digest] = vector
            while len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
        return vector

    def _embed(self, upload: Upload) -> np.ndarray:
        image = ImageInput('the uploaded image', upload.content)
        if upload.box is None:
            return self._inferencer.embed([image], progress=False).embeddings[0]
        found = self._inferencer.embed_boxes(image, [upload.box], on_error='raise')
        return found.embeddings[0]


async def in_pool(pool: ThreadPoolExecutor, function: Callable[..., T], *values: object) -> T:
    """The result of a function that is called in a thread of the pool."""
    return await asyncio.wrap_future(pool.submit(function, *values))
