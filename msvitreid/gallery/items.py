"""What goes into a gallery and what a search gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from .where import Condition


@dataclass(frozen=True, eq=False)
class Item:
    """One image of a gallery.

    Attributes:
        id: unique in the gallery.
        metadata: JSON values by column; ``pid``, ``camera``, ``time`` and ``path`` are the
            columns that others of this toolkit look for.
        hash: of the image's content, or None.
        embedding: ``(D,)`` float32 of unit length, or None if it was not asked for.
    """

    id: str
    metadata: dict[str, Any]
    hash: str | None = None
    embedding: np.ndarray | None = None


class Hit(NamedTuple):
    """An item that a search found."""

    id: str
    similarity: float
    metadata: dict[str, Any]


@dataclass(frozen=True, eq=False)
class SearchResults:
    """What one search found, a list for each query.

    Attributes:
        ids: of the items, best first.
        similarities: float32 cosines, in the order of ``ids``.
        metadata: of the items, in the order of ``ids``.
        exactness: 'exact', or what was searched instead and its measured recall.
    """

    ids: list[list[str]]
    similarities: list[np.ndarray]
    metadata: list[list[dict[str, Any]]]
    exactness: str

    def __len__(self) -> int:
        return len(self.ids)

    @classmethod
    def of(cls, hits: Sequence[Sequence[Hit]], exactness: str) -> SearchResults:
        return cls(
            [[hit.id for hit in row] for row in hits],
            [np.array([hit.similarity for hit in row], np.float32) for row in hits],
            [[hit.metadata for hit in row] for row in hits],
            exactness,
        )


@dataclass(frozen=True)
class Report:
    """What :meth:`GalleryStore.verify` found; ``problems`` is empty if all is well."""

    items: int
    problems: list[str]


@dataclass(frozen=True)
class CopyReport:
    """How many items a copy added to the other gallery, updated there, or left as they were."""

    added: int
    updated: int
    skipped: int


@dataclass(frozen=True, eq=False)
class Batch:
    """Checked items on their way into a store; None is a part that is not given."""

    ids: list[str]
    embeddings: np.ndarray | None = None
    metadata: list[str] | None = None
    hashes: list[str | None] | None = None


@dataclass(frozen=True)
class Plan:
    """A checked search.

    Attributes:
        k: hits of a query at most; None for all.
        threshold: smallest similarity, or None.
        conditions: all of which an item has to meet.
        exclude: for each query conditions of which an item must not meet any.
        recall: smallest measured recall of an approximate search; None for an exact one.
    """

    k: int | None
    threshold: float | None = None
    conditions: tuple[Condition, ...] = ()
    exclude: tuple[tuple[Condition, ...], ...] = field(default=())
    recall: float | None = None
