"""What every gallery can do; a store fills in how."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from msvitreid.errors import GalleryError
from msvitreid.utils.checks import is_number, is_whole

from .checks import (
    as_hashes,
    as_ids,
    as_metadata,
    as_unit_embeddings,
    check_batch_size,
    check_fingerprint,
)
from .copying import copy
from .grouping import best_of_groups, mean_of_groups
from .items import Batch, CopyReport, Hit, Item, Plan, Report, SearchResults
from .rerank_and_expand import expanded, reranked
from .where import OWN_COLUMNS, Condition, check_column, parse_exclude, parse_where

DEFAULT_K = 10


class GalleryStore(ABC):
    """Embeddings of one model with ids and metadata, which are searched by cosine similarity.

    Every change is complete when its call returns, and has no effect if it raises. Use a store
    as a context manager, or :meth:`close` it.

    Attributes:
        schemes: of the URLs whose galleries this class opens; none for paths.
        dimension: D, the length of an embedding.
        fingerprint: of the model whose embeddings these are.
        precision: in which they are stored, ``float32``, ``float16`` or ``int8``.
    """

    schemes: tuple[str, ...] = ()
    dimension: int
    fingerprint: str
    precision: str

    @classmethod
    @abstractmethod
    def create(
        cls, path: str | Path, dimension: int, fingerprint: str, precision: str = 'float32'
    ) -> GalleryStore:
        """Make an empty gallery and open it for writing.

        Raises:
            GalleryError: there is something at ``path``, or an argument is wrong.
            OutputError: it cannot be written.
        """

    @classmethod
    @abstractmethod
    def open(
        cls, path: str | Path, readonly: bool = False, fingerprint: str | None = None
    ) -> GalleryStore:
        """Open a gallery.

        Args:
            path: where it was created.
            readonly: leave writing to others, who may write meanwhile.
            fingerprint: of the model that will be used with it, compared with the gallery's.

        Raises:
            GalleryError: it is missing or damaged, another process writes it, or it is of
                another model.
        """

    @classmethod
    @abstractmethod
    def exists(cls, path: str | Path) -> bool:
        """Whether there is anything at ``path``, so that :meth:`create` would refuse it."""

    def add(
        self,
        ids: Sequence[str],
        embeddings: Any,
        metadata: Sequence[Mapping[str, Any]] | None = None,
        hashes: Sequence[str | None] | None = None,
        *,
        normalize: bool = False,
        fingerprint: str | None = None,
    ) -> None:
        """Add new items, all or none.

        Args:
            ids: that the gallery does not hold yet.
            embeddings: ``(N, D)`` array or tensor, of unit length; a ``fingerprint``
                attribute of it is compared as the argument is.
            metadata: a dict of JSON values for each.
            hashes: of each image's content.
            normalize: divide embeddings by their length.
            fingerprint: of the model that made them.

        Raises:
            GalleryError: an argument is wrong or an id is there already.
            OutputError: the disk is full or cannot be written.
        """
        batch = self._batch(ids, embeddings, metadata, hashes, normalize, fingerprint)
        if batch.ids:
            self._add(batch)

    def update(
        self,
        ids: Sequence[str],
        embeddings: Any = None,
        metadata: Sequence[Mapping[str, Any]] | None = None,
        hashes: Sequence[str | None] | None = None,
        *,
        normalize: bool = False,
        fingerprint: str | None = None,
    ) -> None:
        """Replace what is given of items that exist, all or none; arguments as :meth:`add`.

        A new embedding without a hash clears the hash. Among equal similarities an item with
        a new embedding comes after those that were there.

        Raises:
            GalleryError: an argument is wrong or an id is missing.
            OutputError: the disk is full or cannot be written.
        """
        batch = self._batch(ids, embeddings, metadata, hashes, normalize, fingerprint)
        if batch.ids:
            self._update(batch)

    def remove(self, ids: Sequence[str]) -> None:
        """Remove items, all or none.

        Raises:
            GalleryError: an id is missing.
        """
        if checked := as_ids(ids):
            self._remove(checked)

    def get(self, ids: Sequence[str], embeddings: bool = True) -> dict[str, Item]:
        """The items of these ids by id; those that are missing are left out."""
        return {item.id: item for item in self._get(as_ids(ids), embeddings)}

    def count(self, where: Mapping[str, Any] | None = None) -> int:
        """How many items meet ``where``; see :meth:`search`."""
        return self._count(parse_where(where))

    def revision(self) -> Hashable:
        """A value that is another one after each change; here, only if the count changes."""
        return self.count()

    def scan(
        self,
        where: Mapping[str, Any] | None = None,
        batch_size: int = 1024,
        embeddings: bool = True,
    ) -> Iterator[list[Item]]:
        """All items that meet ``where``, in an order that stays.

        That is by ascending id in the embedded gallery. What changes meanwhile may be missed.
        Without their embeddings items are read much faster.
        """
        check_batch_size(batch_size)
        return self.scan_parsed(parse_where(where), batch_size, embeddings)

    def search(
        self,
        queries: Any,
        k: int | None = None,
        *,
        threshold: float | None = None,
        where: Mapping[str, Any] | None = None,
        exclude: Mapping[str, Sequence[Any]] | None = None,
        group_by: str | None = None,
        reduce: str = 'best',
        expand: int | Mapping[str, Any] | None = None,
        rerank: int | Mapping[str, Any] | None = None,
        recall: float | None = None,
        normalize: bool = False,
        fingerprint: str | None = None,
    ) -> SearchResults:
        """The most similar items of each query; of equal ones those added first.

        Args:
            queries: ``(Q, D)`` of unit length; a ``fingerprint`` attribute is compared.
            k: hits of a query at most; 10 if there is no threshold, else all.
            threshold: smallest cosine similarity of a hit.
            where: ``{column: value | [values] | {'<': value, '>=': value}}``, all of which
                hold for a hit; ``id`` and ``hash`` are columns too.
            exclude: ``{column: [a value, a list or None for each query]}``: items that have
                one of a query's values are no hits of it: ``id`` or ``hash`` for the same image,
                ``camera`` for the same camera.
            group_by: a column of metadata, such as ``pid``: one hit for each of its values,
                the most similar item. An item without the column is a group of its own.
            reduce: a group's similarity: ``best`` of its items, or their ``mean``.
            expand: average query expansion by so many hits, or a dict of ``k`` and ``alpha``;
                similarities are then those of the expanded queries.
            rerank: k-reciprocal re-ranking of so many hits, or a dict of ``first``, ``k1``,
                ``k2`` and ``lambda_value``. Similarities stay cosines; the order is another.
                Hits after those, where a threshold gives more, follow in their own order.
            recall: use an index whose measured recall is at least this; exact by default.
            normalize: divide queries by their length.
            fingerprint: of the model that made the queries.

        Raises:
            GalleryError: an argument is wrong, the queries are of another model, or there is
                no index of the recall asked for.
        """
        check_fingerprint(self.fingerprint, fingerprint)
        check_fingerprint(self.fingerprint, getattr(queries, 'fingerprint', None))
        unit = as_unit_embeddings(queries, self.dimension, None, normalize, 'queries')
        for name, value, fits in (
            ('k', k, is_whole(k) and k >= 1),  # type: ignore[operator]
            ('threshold', threshold, is_number(threshold) and -2 <= threshold <= 2),  # type: ignore[operator]
            ('recall', recall, is_number(recall) and 0 <= recall <= 1),  # type: ignore[operator]
        ):
            if value is not None and not fits:
                raise GalleryError(f'{name} is out of its range: {value!r}')
        if reduce not in ('best', 'mean'):
            raise GalleryError(f"reduce must be 'best' or 'mean', got {reduce!r}")
        if group_by is not None and rerank is not None:
            raise GalleryError('group_by and rerank cannot be combined; choose one of them')
        if group_by is not None and check_column(group_by) in OWN_COLUMNS:
            raise GalleryError(
                f'group_by takes a column of metadata, and {group_by!r} is none; add the items '
                f'with a column to group them by'
            )
        k = DEFAULT_K if k is None and threshold is None else k
        excluded = parse_exclude(exclude, len(unit))
        plan = Plan(k, threshold, parse_where(where), excluded, recall)
        if expand is not None:
            unit = expanded(self, unit, plan, expand)
        if group_by is not None:
            group = best_of_groups if reduce == 'best' else mean_of_groups
            hits, exactness = group(self, unit, plan, group_by)
        elif rerank is not None:
            hits, exactness = reranked(self, unit, plan, rerank)
        else:
            hits, exactness = self.nearest(unit, plan)
        return SearchResults.of(hits, exactness)

    def copy_to(self, other: GalleryStore, batch_size: int = 1024) -> CopyReport:
        """Copy all items in the order of :meth:`scan`; an interrupted copy is continued.

        An item that the other gallery holds with an equal hash (without one, an equal
        embedding) and equal metadata is left as it is; another one is updated there. What
        only the other gallery holds stays.

        Raises:
            GalleryError: the other gallery is of another model or dimension.
            OutputError: it cannot be written.
        """
        check_batch_size(batch_size)
        return copy(self, other, batch_size)

    @abstractmethod
    def verify(self) -> Report:
        """Read everything and report what is damaged."""

    @abstractmethod
    def compact(self) -> None:
        """Give back the space of removed and replaced items."""

    @abstractmethod
    def build_index(self, kind: str, min_recall: float = 0.95, sample: int = 100) -> float:
        """Build or measure an approximate index, for searches with ``recall``.

        Args:
            kind: what the store offers.
            min_recall: smallest recall@10 against the exact search with which it is kept.
            sample: items of the gallery that are searched to measure it, each without itself.

        Returns:
            The measured recall@10.

        Raises:
            GalleryError: it is below ``min_recall``; nothing is kept then.
        """

    @abstractmethod
    def close(self) -> None:
        """Let go of files and locks; a second call does nothing."""

    def __enter__(self) -> GalleryStore:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __len__(self) -> int:
        return self.count()

    @abstractmethod
    def nearest(self, queries: np.ndarray, plan: Plan) -> tuple[list[list[Hit]], str]:
        """Hits of each checked query, and how exact they are."""

    @abstractmethod
    def _add(self, batch: Batch) -> None: ...

    @abstractmethod
    def _update(self, batch: Batch) -> None: ...

    @abstractmethod
    def _remove(self, ids: list[str]) -> None: ...

    @abstractmethod
    def _get(self, ids: list[str], embeddings: bool) -> list[Item]: ...

    @abstractmethod
    def _count(self, conditions: tuple[Condition, ...]) -> int: ...

    @abstractmethod
    def scan_parsed(
        self, conditions: tuple[Condition, ...], batch_size: int, embeddings: bool = True
    ) -> Iterator[list[Item]]:
        """:meth:`scan` with conditions that have been read already."""

    def _batch(
        self,
        ids: Sequence[str],
        embeddings: Any,
        metadata: Sequence[Mapping[str, Any]] | None,
        hashes: Sequence[str | None] | None,
        normalize: bool,
        fingerprint: str | None,
    ) -> Batch:
        check_fingerprint(self.fingerprint, fingerprint)
        check_fingerprint(self.fingerprint, getattr(embeddings, 'fingerprint', None))
        checked = as_ids(ids)
        unit = None
        if embeddings is not None:
            unit = as_unit_embeddings(
                embeddings, self.dimension, len(checked), normalize, 'embeddings'
            )
        return Batch(
            checked, unit, as_metadata(metadata, checked), as_hashes(hashes, len(checked))
        )
