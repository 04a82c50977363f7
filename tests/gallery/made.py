"""Small galleries, and a plain search to compare with."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from msvitreid.gallery.items import Item

MODEL = 'sha256:0123'


def unit(count: int, dimension: int, seed: int = 0) -> np.ndarray:
    vectors = np.random.default_rng(seed).standard_normal((count, dimension))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def names(count: int, start: int = 0) -> list[str]:
    return [f'image-{number:05d}.jpg' for number in range(start, start + count)]


def columns(count: int, seed: int = 0) -> list[dict[str, Any]]:
    random = np.random.default_rng(seed)
    return [
        {'pid': int(random.integers(5)), 'camera': f'c{random.integers(3)}', 'time': number / 4}
        for number in range(count)
    ]


def plain_search(
    items: Iterable[Item],
    query: np.ndarray,
    k: int | None,
    threshold: float = -np.inf,
    fits: Callable[[Item], bool] = lambda item: True,
) -> list[tuple[str, float]]:
    """Ids and similarities by a loop over items in the order of their insertion.

    In float64; of equal similarities the first added comes first.
    """
    scored = [
        (float(item.embedding.astype(np.float64) @ query.astype(np.float64)), item.id)
        for item in items
        if fits(item)
    ]
    scored = [pair for pair in scored if pair[0] >= threshold]
    order = sorted(range(len(scored)), key=lambda place: (-scored[place][0], place))
    return [(scored[place][1], scored[place][0]) for place in order[:k]]
