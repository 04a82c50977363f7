"""The default gallery: a folder with an SQLite file and a file of vectors."""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from msvitreid.errors import GalleryError
from msvitreid.registry import GALLERIES
from msvitreid.utils.files import (
    cannot_write,
    flush_folder,
    remove_leftovers,
    remove_temporary,
    temporary_path,
)
from msvitreid.utils.printable import printable

from . import approximate, database, maintenance
from .base import GalleryStore
from .checks import check_fingerprint, check_header, check_index, read_metadata
from .database import State, damaged
from .embedded_filters import Filters
from .exact import nearest
from .items import Batch, Hit, Item, Plan, Report
from .session import Session, Snapshot
from .stored_precision import encode, measure
from .vectors import append, file_name
from .where import Condition, as_sql


@GALLERIES.register_module()
class EmbeddedGallery(GalleryStore):
    """A gallery in a folder of its own, searched exactly.

    One process writes at a time, any number read meanwhile and see the last commit. An item is
    committed after its vector is on the disk. Threads may share an object; they take turns.

    Use :meth:`create` or :meth:`open`.
    """

    #: Where exact searches multiply; ``'cuda'`` is worth it for many queries at once.
    device = 'cpu'

    def __init__(self, path: str | Path, readonly: bool, fingerprint: str | None) -> None:
        self.path = Path(path)
        self._index: tuple[approximate.IndexFacts, Any] | None = None
        self._session = Session(self.path, readonly)
        self._filters = Filters(self._session)
        with self._session.reading() as snapshot:
            state = snapshot.state
        self.dimension, self.fingerprint = state.dimension, state.fingerprint
        self.precision = state.precision
        try:
            check_fingerprint(self.fingerprint, fingerprint)
        except GalleryError:
            self.close()
            raise

    @classmethod
    def create(
        cls, path: str | Path, dimension: int, fingerprint: str, precision: str = 'float32'
    ) -> EmbeddedGallery:
        check_header(dimension, fingerprint, precision)
        path = Path(path)
        if '\0' in str(path):
            raise GalleryError(f'{str(path)!r} is no path: it has a NUL character')
        for folder in path.absolute().parents:
            if (folder / database.NAME).exists():
                raise GalleryError(
                    f'{str(path)!r} is in the gallery {str(folder)!r}, which has its folder for '
                    'itself; choose another place'
                )
        made: Path | None = None
        try:
            if cls.exists(path):
                raise GalleryError(f'{str(path)!r} exists already; give a gallery a new folder')
            path.parent.mkdir(parents=True, exist_ok=True)
            remove_leftovers(path)
            made = temporary_path(path.absolute())
            made.mkdir()
            database.create(made, int(dimension), fingerprint, precision)
            (made / file_name(1)).touch()
            flush_folder(made)
            os.rename(made, path)
            flush_folder(path.parent)
        except OSError as error:
            raise cannot_write(path, error) from error
        finally:
            if made is not None:
                remove_temporary(made)
        return cls.open(path)

    @classmethod
    def open(
        cls, path: str | Path, readonly: bool = False, fingerprint: str | None = None
    ) -> EmbeddedGallery:
        return cls(path, readonly, fingerprint)

    @classmethod
    def exists(cls, path: str | Path) -> bool:
        path = Path(path)
        return path.is_symlink() or (path.exists() and not _is_empty_folder(path))

    def nearest(self, queries: np.ndarray, plan: Plan) -> tuple[list[list[Hit]], str]:
        with self._session.reading() as snapshot:
            state, vectors, allowed = snapshot
            if plan.conditions:
                allowed = self._filters.allowed(plan.conditions, state)
            excluded = None
            if any(plan.exclude):
                excluded = self._filters.excluded(plan.exclude, state.rows)
            filters = plan.k, plan.threshold, allowed, excluded
            exactness = self._stored_exactness(state)
            if plan.recall is None or plan.k is None:
                found = nearest(vectors, queries, *filters, device=self.device)
            else:
                filters = plan.k, *filters[1:]
                facts, index = self._require_index(state, plan.recall)
                found = approximate.search(index, facts.rows, vectors, queries, *filters)
                exactness = facts.text
            hits = [self._hits(slots, values) for slots, values in found]
        return hits, exactness

    def build_index(self, kind: str, min_recall: float = 0.95, sample: int = 100) -> float:
        check_index(min_recall, sample)
        self._session.require_writable()
        with self._session.reading() as snapshot:
            state, vectors, live = snapshot
            index = approximate.build(kind, vectors)
            slots = np.arange(state.rows) if live is None else np.flatnonzero(live)
            chosen = np.random.default_rng(0).permutation(slots)[:sample]
            filters = vectors, vectors.at(chosen), 10, None, live, [one[None] for one in chosen]
            recall = approximate.recall_at(
                nearest(*filters), approximate.search(index, state.rows, *filters)
            )
        if recall < min_recall:
            raise GalleryError(
                f'the {kind} index has a recall@10 of {recall:.3f}, less than the {min_recall} '
                f'asked for; it is not kept'
            )
        facts = approximate.IndexFacts(
            kind, state.version + 1, state.file, state.rows, recall, len(chosen), ''
        )
        facts = maintenance.write_index(self.path, index, facts)
        with self._session.writing() as state:
            self._session.database.execute('DELETE FROM approximate')
            self._session.database.execute(
                'INSERT INTO approximate VALUES (?, ?, ?, ?, ?, ?, ?)', facts
            )
        self._session.recover()
        return recall

    def revision(self) -> int:
        with self._session.reading() as snapshot:
            return snapshot.state.version

    def verify(self) -> Report:
        with self._session.reading() as snapshot:
            return maintenance.verify(
                self._session.database, self.path, snapshot.state, snapshot.vectors
            )

    def compact(self) -> None:
        self._session.require_writable()
        with self._session.lock:
            with self._session.reading() as snapshot:
                if snapshot.live is None:
                    return
                compacted = maintenance.write_compacted(
                    self._session.database,
                    self.path,
                    snapshot.state,
                    snapshot.vectors,
                    snapshot.live,
                )
            with self._session.writing():
                maintenance.switch(self._session.database, snapshot.live, compacted)
            self._session.recover()

    def close(self) -> None:
        self._index = None
        self._filters = Filters(self._session)
        self._session.close()

    def _add(self, batch: Batch) -> None:
        metadata = batch.metadata or ['{}'] * len(batch.ids)
        hashes = batch.hashes or [None] * len(batch.ids)
        if batch.embeddings is None:
            raise GalleryError('embeddings must be given for new items')
        with self._session.writing() as state:
            if there := self._slots_of(batch.ids):
                raise GalleryError(
                    f'the id {printable(min(there))!r} is in the gallery already'
                )
            slots = self._append(state, batch.embeddings)
            self._session.database.executemany(
                'INSERT INTO items VALUES (?, ?, ?, ?)',
                zip(slots, batch.ids, hashes, metadata, strict=True),
            )

    def _update(self, batch: Batch) -> None:
        with self._session.writing() as state:
            old = self._require(batch.ids)
            change = self._session.database.executemany
            if batch.embeddings is not None:
                slots = self._append(state, batch.embeddings)
                change('INSERT INTO tombstones VALUES (?)', [(slot,) for slot in old])
                change('UPDATE items SET slot = ? WHERE slot = ?', zip(slots, old, strict=True))
                old = list(slots)
            hashes = batch.hashes
            if hashes is None and batch.embeddings is not None:
                hashes = [None] * len(old)
            for column, values in (('hash', hashes), ('metadata', batch.metadata)):
                if values is not None:
                    pairs = zip(values, old, strict=True)
                    change(f'UPDATE items SET {column} = ? WHERE slot = ?', pairs)

    def _remove(self, ids: list[str]) -> None:
        with self._session.writing():
            slots = [(slot,) for slot in self._require(ids)]
            self._session.database.executemany('DELETE FROM items WHERE slot = ?', slots)
            self._session.database.executemany('INSERT INTO tombstones VALUES (?)', slots)

    def _get(self, ids: list[str], embeddings: bool) -> list[Item]:
        with self._session.reading() as snapshot:
            return self._items(snapshot, f'id IN {_BOUND_LIST}', [json.dumps(ids)], embeddings)

    def _count(self, conditions: tuple[Condition, ...]) -> int:
        where, parameters = as_sql(conditions)
        with self._session.reading():
            query = f'SELECT count(*) FROM items WHERE {where}'
            return self._session.database.execute(query, parameters).fetchone()[0]

    def scan_parsed(
        self, conditions: tuple[Condition, ...], batch_size: int, embeddings: bool = True
    ) -> Iterator[list[Item]]:
        where, parameters = as_sql(conditions)
        last = ''
        while True:
            with self._session.reading() as snapshot:
                text = f'id > ? AND {where} ORDER BY id LIMIT ?'
                items = self._items(snapshot, text, [last, *parameters, batch_size], embeddings)
            if not items:
                return
            yield items
            last = items[-1].id

    def _items(
        self, snapshot: Snapshot, where: str, parameters: list[Any], embeddings: bool
    ) -> list[Item]:
        query = f'SELECT id, metadata, hash, slot FROM items WHERE {where}'
        rows = self._session.database.execute(query, parameters).fetchall()
        slots = np.array([row[3] for row in rows], np.int64)
        if len(slots) and not 0 <= slots.min() <= slots.max() < snapshot.state.rows:
            raise damaged(self.path, 'an item has no vector')
        vectors = list(snapshot.vectors.at(slots)) if embeddings else [None] * len(rows)
        return [
            Item(id_, read_metadata(text, id_, hash_), hash_, vector)
            for (id_, text, hash_, _), vector in zip(rows, vectors, strict=True)
        ]

    def _hits(self, slots: np.ndarray, values: np.ndarray) -> list[Hit]:
        query = f'SELECT slot, id, metadata FROM items WHERE slot IN {_BOUND_LIST}'
        rows = self._session.database.execute(query, [json.dumps(slots.tolist())])
        found = {slot: (id_, text) for slot, id_, text in rows}
        if len(found) < len(slots):
            raise damaged(self.path, 'a vector has neither an item nor a tombstone')
        pairs = zip(slots.tolist(), values.tolist(), strict=True)
        return [
            Hit(found[slot][0], value, read_metadata(found[slot][1], found[slot][0]))
            for slot, value in pairs
        ]

    def _slots_of(self, ids: list[str]) -> dict[str, int]:
        query = f'SELECT id, slot FROM items WHERE id IN {_BOUND_LIST}'
        return dict(self._session.database.execute(query, [json.dumps(ids)]))

    def _require(self, ids: list[str]) -> list[int]:
        there = self._slots_of(ids)
        if missing := [one for one in ids if one not in there]:
            raise GalleryError(f'the id {printable(missing[0])!r} is not in the gallery')
        return [there[one] for one in ids]

    def _append(self, state: State, embeddings: np.ndarray) -> range:
        """Vectors on the disk, and what is known of them in the transaction."""
        raw = encode(embeddings, state.precision)
        kept, wanted = measure(embeddings, raw, state.precision)
        append(self.path / file_name(state.file), raw, state.rows)
        slots = range(state.rows, state.rows + len(raw))
        self._session.database.execute(
            'INSERT INTO batches VALUES (?, ?, ?)', (state.rows, len(raw), zlib.crc32(raw.data))
        )
        self._session.database.execute(
            'UPDATE state SET rows = ?, kept = ?, wanted = ?',
            (slots.stop, state.kept + kept, state.wanted + wanted),
        )
        return slots

    def _stored_exactness(self, state: State) -> str:
        if state.precision == 'float32':
            return 'exact'
        loss = 'loss not measured'
        if state.wanted:
            loss = f'recall@10 {state.kept / state.wanted:.3f} against float32'
        return f'exact over {state.precision} vectors ({loss})'

    def _require_index(self, state: State, recall: float) -> tuple[approximate.IndexFacts, Any]:
        row = self._session.database.execute('SELECT * FROM approximate LIMIT 1').fetchone()
        facts = None if row is None else approximate.IndexFacts(*row)
        if facts is not None and not facts.are_of_their_kinds:
            raise damaged(self.path, 'what is recorded of its index')
        if facts is None or facts.file != state.file or not 0 <= facts.rows <= state.rows:
            raise GalleryError('the gallery has no index, or one of before it was compacted; '
                               'build one, or search without recall')  # fmt: skip
        if facts.recall < recall:
            raise GalleryError(
                f'the index has a recall@10 of {facts.recall:.3f}, less than the {recall} asked '
                f'for; search without recall'
            )
        if self._index is None or self._index[0] != facts:
            path = self.path / approximate.file_name(facts.number)
            self._index = facts, approximate.read(path, facts, state.dimension)
        return self._index


_BOUND_LIST = '(SELECT value FROM json_each(?))'


def _is_empty_folder(path: Path) -> bool:
    return path.is_dir() and not any(path.iterdir())
