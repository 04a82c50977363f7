"""A gallery in a collection of a Qdrant server or cluster."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from msvitreid.errors import GalleryError
from msvitreid.evaluation.functional.similarity import inner_products
from msvitreid.registry import GALLERIES
from msvitreid.utils.printable import printable

from .approximate import recall_at
from .base import GalleryStore
from .checks import (
    TOLERANCE,
    check_fingerprint,
    check_header,
    check_index,
    read_metadata,
)
from .items import Batch, Hit, Item, Plan, Report
from .qdrant_connection import answers, connect
from .qdrant_filters import as_filter
from .where import Condition

_NAMESPACE = uuid.UUID('5f3dd9a4-86ad-5a34-9d0c-3b1f5f6d3c55')
_MARK = 'msvitreid-gallery'
_MORE = 2
_STEP = 1000


@GALLERIES.register_module()
class QdrantGallery(GalleryStore):
    """A gallery in Qdrant, through ``qdrant-client``.

    Filters are evaluated by the server, similarities are computed here, in float32, from the
    vectors that it found. Searches ask for its exact search unless ``recall`` is given. Among
    equal similarities the order is that of the ids. A batch of many items is written in steps,
    each complete; between them another reader may see a part. Texts cannot be compared by
    ``<``. :meth:`build_index` measures the recall of the server's own index, which is always
    there; the figure is kept by this object only.

    URLs are ``qdrant://host:6333/collection``, and ``qdrants://`` with TLS. The key is read
    from the environment, ``QDRANT_API_KEY``.

    Args:
        client: a ``qdrant_client.QdrantClient``.
        collection: that :meth:`create` or :meth:`create_in` made.
        readonly: refuse changes.
        fingerprint: of the model that will be used with it, compared with the gallery's.
    """

    schemes = ('qdrant', 'qdrants')

    def __init__(
        self,
        client: Any,
        collection: str,
        readonly: bool = False,
        fingerprint: str | None = None,
    ) -> None:
        self._client, self._collection, self._readonly = client, collection, readonly
        self._recall: tuple[float, int] | None = None
        with self._answers():
            if not client.collection_exists(collection):
                raise GalleryError(f'Qdrant has no collection {collection!r}')
            config = client.get_collection(collection).config
        facts = config.metadata or {}
        if facts.get('kind') != _MARK:
            raise GalleryError(f'the collection {collection!r} of Qdrant is no gallery')
        self.dimension, self.fingerprint = (
            config.params.vectors.size,
            facts.get('fingerprint', ''),
        )
        self.precision = facts.get('precision', '')
        check_header(self.dimension, self.fingerprint, self.precision)
        check_fingerprint(self.fingerprint, fingerprint)

    @classmethod
    def create(
        cls, path: str | Path, dimension: int, fingerprint: str, precision: str = 'float32'
    ) -> QdrantGallery:
        client, collection = connect(str(path))
        return cls.create_in(client, collection, dimension, fingerprint, precision)

    @classmethod
    def create_in(
        cls,
        client: Any,
        collection: str,
        dimension: int,
        fingerprint: str,
        precision: str = 'float32',
    ) -> QdrantGallery:
        """Make a collection with a client that is there already; see :meth:`create`."""
        from qdrant_client import models

        check_header(dimension, fingerprint, precision)
        if precision == 'int8':
            raise GalleryError('Qdrant stores float32 or float16, not int8')
        with answers(collection):
            if client.collection_exists(collection):
                raise GalleryError(f'the collection {collection!r} of Qdrant exists already')
            client.create_collection(
                collection,
                vectors_config=models.VectorParams(
                    size=dimension,
                    distance=models.Distance.DOT,
                    datatype=models.Datatype(precision),
                ),
                metadata={'kind': _MARK, 'fingerprint': fingerprint, 'precision': precision},
            )
        return cls(client, collection)

    @classmethod
    def open(
        cls, path: str | Path, readonly: bool = False, fingerprint: str | None = None
    ) -> QdrantGallery:
        return cls(*connect(str(path)), readonly, fingerprint)

    @classmethod
    def exists(cls, path: str | Path) -> bool:
        client, collection = connect(str(path))
        with answers(collection):
            return client.collection_exists(collection)

    def nearest(self, queries: np.ndarray, plan: Plan) -> tuple[list[list[Hit]], str]:
        from qdrant_client import models

        if plan.recall is not None and (self._recall is None or self._recall[0] < plan.recall):
            raise GalleryError(
                f'no recall of {plan.recall} was measured; call build_index, or search without'
            )
        count = max(1, self._count(plan.conditions))
        limit = count if plan.k is None else min(count, plan.k * _MORE)
        excluded = plan.exclude or ((),) * len(queries)
        requests = [
            models.QueryRequest(
                query=query.tolist(),
                filter=as_filter(plan.conditions, own),
                params=models.SearchParams(exact=plan.recall is None),
                limit=limit,
                with_payload=True,
                with_vector=True,
            )
            for query, own in zip(queries, excluded, strict=True)
        ]
        rows = []
        for query, request in zip(queries, requests, strict=True):
            with self._answers():
                (answer,) = self._client.query_batch_points(self._collection, [request])
            rows.append(self._hits(query, [self._item(point) for point in answer.points], plan))
        if plan.recall is None or self._recall is None:
            return (
                rows,
                'exact' if self.precision == 'float32' else f'exact over {self.precision}',
            )
        value, sample = self._recall
        return rows, f"Qdrant's index (recall@10 {value:.3f}, measured with {sample} items)"

    def build_index(self, kind: str, min_recall: float = 0.95, sample: int = 100) -> float:
        if kind != 'hnsw':
            raise GalleryError(f"Qdrant's index is 'hnsw', got {kind!r}")
        check_index(min_recall, sample)
        items = next(self.scan_parsed((), sample), [])
        if not items:
            raise GalleryError('an empty gallery has no index')
        queries = np.stack([item.embedding for item in items])  # type: ignore[misc]
        own = tuple((Condition('id', '=', (item.id,)),) for item in items)
        self._recall = 1.0, len(items)
        searches = [
            self.nearest(queries, Plan(10, exclude=own, recall=r))[0] for r in (None, 0)
        ]
        numbers: dict[str, int] = {}
        found = [
            [
                (np.array([numbers.setdefault(h.id, len(numbers)) for h in row]), np.zeros(0))
                for row in rows
            ]
            for rows in searches
        ]
        recall = recall_at(*found)
        self._recall = (recall, len(items)) if recall >= min_recall else None
        if self._recall is None:
            raise GalleryError(
                f"Qdrant's index has a recall@10 of {recall:.3f}, less than {min_recall}"
            )
        return recall

    def verify(self) -> Report:
        count, problems = 0, []
        for items in self.scan_parsed((), _STEP):
            count += len(items)
            for item in items:
                length = np.linalg.norm(item.embedding)  # type: ignore[arg-type]
                if not abs(length - 1) <= 2 * TOLERANCE:
                    problems.append(f'the vector of {printable(item.id)!r} has no unit length')
        return Report(count, problems)

    def compact(self) -> None:
        """Nothing: the server does so by itself."""
        self._require_writable()

    def close(self) -> None:
        self._client.close()

    def _add(self, batch: Batch) -> None:
        self._require_writable()
        if batch.embeddings is None:
            raise GalleryError('embeddings must be given for new items')
        if there := self._get(batch.ids, False):
            raise GalleryError(f'the id {printable(there[0].id)!r} is in the gallery already')
        metadata = batch.metadata or ['{}'] * len(batch.ids)
        hashes = batch.hashes or [None] * len(batch.ids)
        self._write(batch.ids, batch.embeddings, map(json.loads, metadata), hashes)

    def _update(self, batch: Batch) -> None:
        old = self._require(batch.ids)
        metadata = [item.metadata for item in old]
        if batch.metadata is not None:
            metadata = [json.loads(text) for text in batch.metadata]
        hashes, embeddings = batch.hashes, batch.embeddings
        if hashes is None:
            hashes = [item.hash if embeddings is None else None for item in old]
        if embeddings is None:
            embeddings = np.stack([item.embedding for item in old])  # type: ignore[misc]
        self._write(batch.ids, embeddings, metadata, hashes)

    def _remove(self, ids: list[str]) -> None:
        self._require(ids)
        with self._answers():
            self._client.delete(self._collection, [_point_id(one) for one in ids], wait=True)

    def _get(self, ids: list[str], embeddings: bool) -> list[Item]:
        found: list[Item] = []
        for start in range(0, len(ids), _STEP):
            with self._answers():
                points = self._client.retrieve(
                    self._collection,
                    [_point_id(one) for one in ids[start : start + _STEP]],
                    with_payload=True,
                    with_vectors=embeddings,
                )
            found += [self._item(point, embeddings) for point in points]
        return found

    def _count(self, conditions: tuple[Condition, ...]) -> int:
        with self._answers():
            answer = self._client.count(
                self._collection, count_filter=as_filter(conditions, ()), exact=True
            )
        return answer.count

    def scan_parsed(
        self, conditions: tuple[Condition, ...], batch_size: int, embeddings: bool = True
    ) -> Iterator[list[Item]]:
        offset = None
        while True:
            with self._answers():
                points, offset = self._client.scroll(
                    self._collection,
                    scroll_filter=as_filter(conditions, ()),
                    limit=batch_size,
                    offset=offset,
                    with_payload=True,
                    with_vectors=embeddings,
                )
            if points:
                yield [self._item(point, embeddings) for point in points]
            if offset is None:
                return

    def _write(
        self,
        ids: list[str],
        embeddings: np.ndarray,
        metadata: Any,
        hashes: Sequence[str | None],
    ) -> None:
        from qdrant_client import models

        self._require_writable()
        points = [
            models.PointStruct(
                id=_point_id(id_),
                vector=vector.tolist(),
                payload={'id': id_, 'hash': hash_, 'metadata': columns},
            )
            for id_, vector, columns, hash_ in zip(
                ids, embeddings, metadata, hashes, strict=True
            )
        ]
        for start in range(0, len(points), _STEP):
            with self._answers():
                self._client.upsert(self._collection, points[start : start + _STEP], wait=True)

    def _require(self, ids: list[str]) -> list[Item]:
        self._require_writable()
        there = {item.id: item for item in self._get(ids, True)}
        if missing := [one for one in ids if one not in there]:
            raise GalleryError(f'the id {printable(missing[0])!r} is not in the gallery')
        return [there[one] for one in ids]

    def _item(self, point: Any, embeddings: bool = True) -> Item:
        payload = point.payload or {}
        id_ = payload.get('id')
        metadata = read_metadata(json.dumps(payload.get('metadata')), id_, payload.get('hash'))
        vector = np.asarray(point.vector, np.float32) if embeddings else None
        if vector is not None and vector.shape != (self.dimension,):
            raise GalleryError(f'Qdrant has no vector of {printable(str(id_))!r}')
        return Item(id_, metadata, payload.get('hash'), vector)  # type: ignore[arg-type]

    def _hits(self, query: np.ndarray, items: list[Item], plan: Plan) -> list[Hit]:
        """The items by similarities that are computed here."""
        if not items:
            return []
        items = sorted(items, key=lambda item: item.id)
        near = torch.from_numpy(np.stack([item.embedding for item in items]))  # type: ignore[misc]
        values = inner_products(torch.from_numpy(query[None]), near)[0].numpy()
        lowest = -np.inf if plan.threshold is None else plan.threshold
        order = [
            place for place in np.argsort(-values, kind='stable') if values[place] >= lowest
        ]
        return [
            Hit(items[place].id, float(values[place]), items[place].metadata)
            for place in order[: plan.k]
        ]

    def _answers(self) -> Any:
        return answers(self._collection)

    def _require_writable(self) -> None:
        if self._readonly:
            raise GalleryError(f'the gallery {self._collection!r} was opened read-only')


def _point_id(id_: str) -> str:
    return str(uuid.uuid5(_NAMESPACE, id_))
