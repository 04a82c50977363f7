"""Figures of groups of queries, such as those of one occlusion level."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from msvitreid.evaluation.functional import bootstrap_intervals
from msvitreid.utils.printable import printable

from .data import Figure, GroupRow, GroupTable

#: A column of more distinct numbers is divided into so many groups of about one size.
MOST_NUMBERS, QUANTILES = 10, 5

#: Of a column of texts, the values with most queries are shown.
MOST_TEXTS = 50

NO_VALUE = 'no value'


def group_tables(
    columns: Mapping[str, Mapping[str, Any]],
    files: Sequence[str],
    values: Mapping[str, np.ndarray],
    pids: np.ndarray,
    resamples: int,
) -> list[GroupTable]:
    """A table for each column of metadata.

    Args:
        columns: metadata of images by file: numbers and texts by column.
        files: of the ``Q`` queries.
        values: what each query adds to ``mAP`` and ``rank-1``, each ``(Q,)``.
        pids: ``(Q,)`` identities of the queries, which the bootstrap draws.
        resamples: of the intervals; 0 for none.
    """
    names = dict.fromkeys(name for row in columns.values() for name in row)
    tables = []
    for name in names:
        given = [columns.get(file, {}).get(name) for file in files]
        rows = []
        for label, chosen in _groups(given):
            found = {one: values[one][chosen] for one in ('mAP', 'rank-1')}
            matched = int((~np.isnan(found['mAP'])).sum())
            rows.append(
                GroupRow(label, len(chosen), matched, _figures(found, pids[chosen], resamples))
            )
        tables.append(GroupTable(printable(name), rows))
    return tables


def _groups(given: Sequence[Any]) -> list[tuple[str, np.ndarray]]:
    """Label of each group and positions of its queries."""
    known = [index for index, value in enumerate(given) if value is not None]
    groups: list[tuple[str, np.ndarray]] = []
    numbers = all(isinstance(given[index], int | float) for index in known)
    distinct = sorted({given[index] for index in known})
    if numbers and len(distinct) > MOST_NUMBERS:
        array = np.array([given[index] for index in known], dtype=np.float64)
        edges = np.unique(np.quantile(array, np.linspace(0, 1, QUANTILES + 1)))
        place = np.clip(np.searchsorted(edges, array, side='right') - 1, 0, len(edges) - 2)
        for number, (low, high) in enumerate(pairwise(edges)):
            chosen = np.array(known)[place == number]
            groups.append((f'{low:.4g} to {high:.4g}', chosen))
    else:
        of_value = {value: [i for i in known if given[i] == value] for value in distinct}
        if not numbers:
            most = sorted(distinct, key=lambda value: -len(of_value[value]))[:MOST_TEXTS]
            distinct = [value for value in distinct if value in most]
        for value in distinct:
            groups.append((printable(str(value), 60), np.array(of_value[value])))
    if len(known) < len(given):
        groups.append((NO_VALUE, np.setdiff1d(np.arange(len(given)), known)))
    return groups


def _figures(
    values: Mapping[str, np.ndarray], pids: np.ndarray, resamples: int
) -> dict[str, Figure]:
    """Means of the queries that have a match; none if there is no such query."""
    if np.isnan(values['mAP']).all():
        return {}
    ends = bootstrap_intervals(values, pids, resamples) if resamples else {}
    return {
        name: Figure(float(np.nanmean(value)), *ends.get(name, ()))
        for name, value in values.items()
    }
