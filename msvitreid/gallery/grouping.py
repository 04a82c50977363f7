"""One hit for each identity that has several references."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from msvitreid.evaluation.functional.similarity import inner_products

from .items import Hit, Item, Plan
from .where import Condition, matches

if TYPE_CHECKING:
    from .base import GalleryStore

_MORE = 4
"""How many times as many hits as groups are wanted are searched first."""

Group = tuple[str, Any, bool]


def best_of_groups(
    store: GalleryStore, queries: np.ndarray, plan: Plan, column: str
) -> tuple[list[list[Hit]], str]:
    """The best hit of every group, the best groups first."""
    wanted = None if plan.k is None else plan.k * _MORE
    while True:
        hits, exactness = store.nearest(queries, replace(plan, k=wanted))
        rows = []
        for row in hits:
            best: dict[Group, Hit] = {}
            for hit in row:
                best.setdefault(_group(hit.id, hit.metadata, column), hit)
            rows.append(list(best.values())[: plan.k])
        if wanted is None or plan.k is None:
            return rows, exactness
        short = any(
            len(row) < plan.k and len(found) == wanted
            for row, found in zip(rows, hits, strict=True)
        )
        if not short:
            return rows, exactness
        wanted *= _MORE


def mean_of_groups(
    store: GalleryStore, queries: np.ndarray, plan: Plan, column: str
) -> tuple[list[list[Hit]], str]:
    """The groups of the largest mean similarity, each with its best item; always exact.

    Every item that meets the conditions is read.
    """
    codes: dict[Group, int] = {}
    sums = np.zeros((len(queries), 0))
    counts = np.zeros((len(queries), 0))
    query = torch.from_numpy(queries)
    for items in store.scan_parsed(plan.conditions, 1024):
        groups = [_group(item.id, item.metadata, column) for item in items]
        own = np.array([codes.setdefault(group, len(codes)) for group in groups])
        grown = ((0, 0), (0, len(codes) - sums.shape[1]))
        sums, counts = np.pad(sums, grown), np.pad(counts, grown)
        near = torch.from_numpy(np.stack([item.embedding for item in items]))  # type: ignore[misc]
        products = inner_products(query, near).numpy().astype(np.float64)
        counted = _counted(items, plan)
        np.add.at(sums.T, own, np.where(counted, products, 0).T)
        np.add.at(counts.T, own, counted.T)
    with np.errstate(invalid='ignore'):
        means = np.where(counts > 0, sums / counts, -np.inf).astype(np.float32)
    lowest = -np.inf if plan.threshold is None else plan.threshold
    groups = list(codes)
    rows = []
    for position, row in enumerate(means):
        order = [int(code) for code in np.argsort(-row, kind='stable')]
        order = [code for code in order if row[code] > -np.inf and row[code] >= lowest]
        hits = []
        for code in order[: plan.k]:
            name, value, _ = groups[code]
            member = Condition(name, '=', (value,))
            one = Plan(
                1, None, (*plan.conditions, member), plan.exclude[position : position + 1]
            )
            (found,), _ = store.nearest(queries[position : position + 1], one)
            hits += [Hit(hit.id, float(row[code]), hit.metadata) for hit in found]
        rows.append(hits)
    return rows, 'exact'


def _group(id_: str, metadata: dict[str, Any], column: str) -> Group:
    """The column and value by which the items of a group are found."""
    value = metadata.get(column)
    if value is None or isinstance(value, (list, dict)):
        return 'id', id_, False
    # In Python True equals 1, in a column it does not.
    return column, value, isinstance(value, bool)


def _counted(items: list[Item], plan: Plan) -> np.ndarray:
    """``(Q, N)`` whether an item is not excluded for a query."""
    counted = np.ones((len(plan.exclude), len(items)), dtype=bool)
    if not any(plan.exclude):
        return counted
    values = [{**item.metadata, 'id': item.id, 'hash': item.hash} for item in items]
    for query, conditions in enumerate(plan.exclude):
        for condition in conditions:
            counted[query] &= [not matches(condition, one) for one in values]
    return counted
