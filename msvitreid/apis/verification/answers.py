"""What a verifier answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Answer = Literal['same', 'different', 'cannot tell']


@dataclass(frozen=True)
class Decision:
    """Whether two images show the same identity.

    Attributes:
        answer: ``'same'``, ``'different'`` or ``'cannot tell'``.
        similarity: cosine of the embeddings.
        same_threshold: from which on they are the same.
        different_threshold: below which they are not.
        p_same: probability of "same", for the prior of the verifier.
        fmr: false match rate at ``same_threshold``.
        fmr_interval: 95 %, of other identities.
        warnings: why the figures may not hold for this pair.
    """

    answer: Answer
    similarity: float
    same_threshold: float
    different_threshold: float
    p_same: float
    fmr: float
    fmr_interval: tuple[float, float]
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Candidate:
    """An image of a gallery that is at least as similar as the threshold.

    Attributes:
        id: in the gallery.
        identity: its ``pid`` in the gallery, or ``None`` if it has none.
        similarity: cosine to the query.
    """

    id: str
    identity: object
    similarity: float


@dataclass(frozen=True)
class Identification:
    """Who is on an image, by a gallery.

    Attributes:
        query: the image's path, or its place among the queries.
        answer: ``'known'`` or ``'new'``.
        id: the most similar image of the gallery if known, else ``None``.
        identity: its identity.
        similarity: of the most similar image, known or not; ``None`` for an empty gallery.
        threshold: from which on an image is known, for a gallery of this size.
        candidates: at most ``k`` images above the threshold, best first.
        warnings: why the card's rates may not hold.
    """

    query: str
    answer: Literal['known', 'new']
    id: str | None
    identity: object
    similarity: float | None
    threshold: float
    candidates: list[Candidate]
    warnings: list[str] = field(default_factory=list)
