"""An approximate index over a file of vectors, by FAISS, whose hits are scored exactly."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from msvitreid.errors import GalleryError
from msvitreid.utils.files import sha256_of

from .exact import Found, nearest, rescored
from .vectors import VectorFile

KINDS = ('hnsw', 'ivf-sq8')
_MORE = 4
"""How many times as many candidates as hits are taken from the index."""


class IndexFacts(NamedTuple):
    """What is recorded of an index.

    Attributes:
        kind: one of :data:`KINDS`.
        number: of its file.
        file: number of the file of vectors that it is of.
        rows: of that file that are in it.
        recall: recall@10 against the exact search, measured when it was built.
        sample: how many items were searched for that.
        sha256: of its file.
    """

    kind: str
    number: int
    file: int
    rows: int
    recall: float
    sample: int
    sha256: str

    @property
    def are_of_their_kinds(self) -> bool:
        """Whether each is of the type that it must have; a database may hold anything."""
        whole = (self.number, self.file, self.rows, self.sample)
        return (
            self.kind in KINDS
            and all(isinstance(one, int) and one >= 0 for one in whole)
            and isinstance(self.recall, float)
            and isinstance(self.sha256, str)
        )

    @property
    def text(self) -> str:
        return f'{self.kind} (recall@10 {self.recall:.3f}, measured with {self.sample} items)'


def file_name(number: int) -> str:
    """Of the index with this number."""
    return f'index-{number:06d}.faiss'


def load_faiss() -> Any:
    """The module faiss.

    Raises:
        GalleryError: it is not installed.
    """
    try:
        import faiss
    except ImportError as error:
        raise GalleryError(
            f"an approximate index needs faiss ({error}); pip install 'msvitreid[gallery-index]'"
        ) from error
    return faiss


def build(kind: str, vectors: VectorFile) -> Any:
    """An index of all rows, those without an item included.

    Raises:
        GalleryError: the kind is unknown, or there are too few rows.
    """
    if kind not in KINDS:
        raise GalleryError(f'an index is one of {", ".join(KINDS)}, got {kind!r}')
    faiss = load_faiss()
    width = vectors.dimension
    if kind == 'hnsw':
        index = faiss.IndexHNSWFlat(width, 32, faiss.METRIC_INNER_PRODUCT)
        index.hnsw.efConstruction, index.hnsw.efSearch = 80, 128
    else:
        lists = max(1, int(4 * vectors.rows**0.5))
        needed = 40 * lists
        if vectors.rows < needed:
            raise GalleryError(
                f"an 'ivf-sq8' index of {vectors.rows} vectors would be trained with fewer than "
                f'{needed}; a gallery of this size is searched exactly within milliseconds'
            )
        coarse = faiss.IndexFlatIP(width)
        scalar = faiss.ScalarQuantizer.QT_8bit
        index = faiss.IndexIVFScalarQuantizer(
            coarse, width, lists, scalar, faiss.METRIC_INNER_PRODUCT
        )
        chosen = np.random.default_rng(0).choice(vectors.rows, needed, replace=False)
        index.train(vectors.at(np.sort(chosen)))
        index.nprobe = max(8, lists // 16)
    for _, block in vectors.blocks():
        index.add(block.numpy())
    return index


def read(path: Path, facts: IndexFacts, dimension: int) -> Any:
    """The index of a file.

    Raises:
        GalleryError: the file is missing, is not the one recorded, or no index.
    """
    faiss = load_faiss()
    try:
        if sha256_of(path) != facts.sha256:
            raise GalleryError(f'{str(path)!r} is damaged; build the index again')
        index = faiss.read_index(str(path))
    except (OSError, RuntimeError) as error:
        raise GalleryError(
            f'{str(path)!r} cannot be read ({error}); build the index again'
        ) from error
    if index.d != dimension or index.ntotal != facts.rows:
        raise GalleryError(f'{str(path)!r} is of another gallery; build the index again')
    return index


def search(
    index: Any,
    covered: int,
    vectors: VectorFile,
    queries: np.ndarray,
    k: int,
    threshold: float | None,
    allowed: np.ndarray | None,
    excluded: Sequence[np.ndarray] | None,
) -> list[Found]:
    """As :func:`exact.nearest`, with candidates of the index for the first ``covered`` rows.

    Later rows are searched exactly, and so is the whole for a query to which filters leave
    fewer than ``k`` of the candidates.
    """
    later = np.arange(vectors.rows) >= covered
    if allowed is not None:
        later &= allowed
    fresh = nearest(vectors, queries, k, threshold, later, excluded)
    wanted = min(k * _MORE, covered)
    _, candidates = index.search(queries, max(1, wanted))
    found = []
    for position, row in enumerate(candidates):
        own = None if excluded is None else excluded[position : position + 1]
        query = queries[position : position + 1]
        slots = np.unique(row[(row >= 0) & (row < covered)])
        if allowed is not None:
            slots = slots[allowed[slots]]
        if own is not None:
            slots = np.setdiff1d(slots, own[0])
        if len(slots) < k and wanted < covered:
            found += nearest(vectors, query, k, threshold, allowed, own)
        else:
            both = np.concatenate([slots, fresh[position][0]])
            found.append(rescored(vectors, query[0], both, k, threshold))
    return found


def recall_at(exact: Sequence[Found], approximate: Sequence[Found]) -> float:
    """The share of the exact hits that the other search found as well."""
    pairs = list(zip(exact, approximate, strict=True))
    wanted = sum(len(slots) for (slots, _), _ in pairs)
    kept = sum(len(np.intersect1d(slots, other)) for (slots, _), (other, _) in pairs)
    return kept / wanted if wanted else 1.0
