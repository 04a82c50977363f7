"""Average query expansion and re-ranking, with the first hits of a search."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from msvitreid.errors import GalleryError
from msvitreid.evaluation.functional import expand_queries, k_reciprocal_rerank
from msvitreid.utils.checks import is_whole

from .items import Hit, Plan

if TYPE_CHECKING:
    from .base import GalleryStore


def expanded(
    store: GalleryStore, queries: np.ndarray, plan: Plan, options: int | Mapping[str, Any]
) -> np.ndarray:
    """Each query moved towards its first hits; see ``expand_queries``.

    Raises:
        GalleryError: an option is wrong.
    """
    chosen = _options('expand', 'k', options, ('k', 'alpha'))
    hits, _ = store.nearest(queries, replace(plan, k=chosen.pop('k')))
    result = queries.copy()
    for position, row in enumerate(hits):
        if row:
            query, near = queries[position : position + 1], _embeddings(store, row)
            try:
                result[position] = expand_queries(query, near, k=len(row), **chosen)[0]
            except ValueError as error:
                raise GalleryError(f'expand: {error}') from error
    return result


def reranked(
    store: GalleryStore, queries: np.ndarray, plan: Plan, options: int | Mapping[str, Any]
) -> tuple[list[list[Hit]], str]:
    """The first hits in the order of their k-reciprocal distances.

    Raises:
        GalleryError: an option is wrong.
    """
    chosen = _options('rerank', 'first', options, ('first', 'k1', 'k2', 'lambda_value'))
    first = max(chosen.pop('first'), plan.k or 0)
    # With a threshold alone, all above it are hits.
    wanted = None if plan.k is None else first
    hits, exactness = store.nearest(queries, replace(plan, k=wanted))
    result = []
    for position, row in enumerate(hits):
        order = np.arange(len(row))
        if row:
            query, near = queries[position : position + 1], _embeddings(store, row[:first])
            try:
                distances = k_reciprocal_rerank(query, near, **chosen)[0]
            except ValueError as error:
                raise GalleryError(f'rerank: {error}') from error
            order[: len(distances)] = np.argsort(distances, kind='stable')
        result.append([row[place] for place in order[: plan.k]])
    return result, f'{exactness}, the first {first} re-ranked'


def _options(
    name: str, main: str, options: int | Mapping[str, Any], known: tuple[str, ...]
) -> dict[str, Any]:
    chosen = dict(options) if isinstance(options, Mapping) else {main: options}
    if unknown := set(chosen) - set(known):
        raise GalleryError(f'{name} takes {", ".join(known)}, not {sorted(unknown)}')
    if not is_whole(chosen.get(main)) or chosen[main] < 1:
        raise GalleryError(f'{name} must give {main!r}, a whole number from 1 on')
    return chosen


def _embeddings(store: GalleryStore, hits: list[Hit]) -> np.ndarray:
    items = store.get([hit.id for hit in hits])
    if len(items) < len(hits):
        raise GalleryError('items were removed during the search; search again')
    return np.stack([items[hit.id].embedding for hit in hits])  # type: ignore[misc]
