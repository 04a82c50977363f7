"""References that are probably wrong, by the similarities within and between identities."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch

from msvitreid.evaluation.functional.similarity import inner_products
from msvitreid.gallery import GalleryStore

from .entries import Image
from .labels import labels, recorded_pid
from .state import ReviewState

#: Rows of similarities that are held at once.
ROWS = 256


class Outlier(NamedTuple):
    """An image that fits its identity badly.

    Attributes:
        id: of the image.
        images: of its identity, itself included.
        mean: similarity to the others of them.
        own_id, own: the nearest of the others, and its similarity.
        others: lowest similarity of two others; None for fewer than three, of which one pair says
            little.
        other_id, other: the nearest image of another identity that is not marked as different;
            None if there is none.
        is_apart: it is less similar to the others than they are among each other, or its
            nearest is below the threshold of the card.
        is_nearer: another identity has an image that is nearer than the nearest of its own.
        margin: by how much, the larger of the two.
    """

    id: str
    images: int
    mean: float
    own_id: str
    own: float
    others: float | None
    other_id: str | None
    other: float | None
    is_apart: bool
    is_nearer: bool
    margin: float


class _Own(NamedTuple):
    """Of one image within its identity: mean, the nearest, and the two least similar."""

    mean: float
    similarity: float
    nearest: int
    low: list[tuple[float, int]]


def find_outliers(
    gallery: GalleryStore,
    state: ReviewState,
    same_threshold: float | None = None,
    report: Callable[[float], None] = lambda share: None,
) -> list[Outlier]:
    """Outliers of all identities of two images or more, the clearest first.

    Identities are those of :func:`labels`; images that were set aside are left out.

    Args:
        gallery: whose metadata may have the column ``pid``.
        state: what holds.
        same_threshold: of the card, if there is one.
        report: takes the share of the work that is done.
    """
    recorded = [
        (item.id, recorded_pid(item.metadata))
        for batch in gallery.scan(embeddings=False)
        for item in batch
        if item.id not in state.asides
    ]
    label_of = labels(state, recorded)
    ids = sorted(label_of, key=lambda id_: (label_of[id_], id_))
    vectors = torch.empty(len(ids), gallery.dimension)
    for start in range(0, len(ids), 1024):
        part = ids[start : start + 1024]
        found = gallery.get(part)
        for row, id_ in enumerate(part, start):
            # One that was removed meanwhile is similar to nothing.
            item = found.get(id_)
            vectors[row] = 0 if item is None else torch.from_numpy(item.embedding)
        report(0.2 * start / len(ids))
    numbers = np.array([label_of[id_] for id_ in ids], np.int64)
    first = np.searchsorted(numbers, numbers, 'left').tolist()
    last = np.searchsorted(numbers, numbers, 'right').tolist()
    place_of = {id_: row for row, id_ in enumerate(ids)}
    rows = [row for row in range(len(ids)) if last[row] - first[row] > 1]
    own: dict[int, _Own] = {}
    similar: dict[int, tuple[float, int]] = {}
    for start in range(0, len(rows), ROWS):
        part_rows = rows[start : start + ROWS]
        block = inner_products(vectors[part_rows], vectors)
        for products, row in zip(block, part_rows, strict=True):
            low, high = first[row], last[row]
            within = products[low:high].clone()
            products[low:high] = -torch.inf
            # What a person said to be another identity is no news.
            for known in state.different_from(Image('gallery', ids[row])):
                if known in place_of:
                    products[place_of[known]] = -torch.inf
            own[row] = _within(within, row - low, low)
            value, place = products.max(0)
            similar[row] = float(value), int(place)
        report(0.2 + 0.8 * start / len(rows))
    lowest: dict[int, list[tuple[float, int, int]]] = {}
    for row in rows:
        lowest.setdefault(first[row], []).extend(
            (value, row, place) for value, place in own[row].low
        )
    for pairs in lowest.values():
        pairs.sort()
    outliers = [
        _outlier(
            ids,
            row,
            own[row],
            similar[row],
            last[row] - first[row],
            lowest[first[row]] if last[row] - first[row] > 3 else [],
            same_threshold,
        )
        for row in rows
    ]
    chosen = [one for one in outliers if one.is_apart or one.is_nearer]
    return sorted(chosen, key=lambda one: (-one.margin, one.id))


def _within(products: torch.Tensor, place: int, offset: int) -> _Own:
    """Of one row's products with the images of its own identity; ``place`` is its own."""
    mean = float((products.sum() - products[place]) / (len(products) - 1))
    products[place] = torch.inf
    values, places = products.topk(min(2, len(products) - 1), largest=False)
    low = [
        (value, offset + index)
        for value, index in zip(values.tolist(), places.tolist(), strict=True)
    ]
    products[place] = -torch.inf
    value, nearest = products.max(0)
    return _Own(mean, float(value), offset + int(nearest), low)


def _outlier(
    ids: list[str],
    row: int,
    own: _Own,
    other: tuple[float, int],
    images: int,
    pairs: list[tuple[float, int, int]],
    same_threshold: float | None,
) -> Outlier:
    """One image; ``pairs`` are the two lowest of each image of its identity, ascending."""
    nearest = own.similarity
    # Two of each: the lowest may be that with this row.
    others = next((value for value, one, place in pairs if row not in (one, place)), None)
    margins = [-1.0 if others is None else others - own.mean]
    if same_threshold is not None:
        margins.append(same_threshold - nearest)
    has_other = other[0] > -np.inf
    nearer = other[0] - nearest if has_other else -1.0
    return Outlier(
        id=ids[row],
        images=images,
        mean=own.mean,
        own_id=ids[own.nearest],
        own=nearest,
        others=others,
        other_id=ids[other[1]] if has_other else None,
        other=other[0] if has_other else None,
        is_apart=max(margins) > 0,
        is_nearer=nearer > 0,
        margin=max(*margins, nearer),
    )
