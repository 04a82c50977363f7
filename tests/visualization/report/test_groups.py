"""Figures of groups of queries. Class of faults: a query in another group, or in none."""

from __future__ import annotations

import numpy as np
import pytest

from msvitreid.visualization.report.groups import group_tables

FILES = [f'q{row}' for row in range(40)]
PIDS = np.arange(40) % 10


def tables(columns, ap=None, resamples=0):
    ap = np.linspace(0, 1, 40) if ap is None else ap
    return group_tables(columns, FILES, {'mAP': ap, 'rank-1': ap > 0.5}, PIDS, resamples)


def test_texts_and_queries_without_a_value():
    columns = {
        file: {'level': 'heavy' if row % 2 else 'none'} for row, file in enumerate(FILES)
    }
    del columns['q0'], columns['q1']
    ap = np.where(np.arange(40) % 2, 0.25, 0.75)
    ap[3] = np.nan
    (table,) = tables(columns, ap, resamples=20)
    rows = {row.label: row for row in table.rows}
    assert table.column == 'level'
    assert [*rows] == ['heavy', 'none', 'no value']
    assert [(row.queries, row.matched) for row in rows.values()] == [(19, 18), (19, 19), (2, 2)]
    assert rows['heavy'].figures['mAP'].value == 0.25
    assert rows['none'].figures['mAP'].value == 0.75
    assert rows['none'].figures['mAP'].low == pytest.approx(0.75)


def test_few_numbers_are_groups_and_many_are_divided():
    """10, 20, 30 as they are; 40 different numbers as five groups of eight, each query once."""
    columns = {
        file: {'few': 10 * (row % 3 + 1), 'many': row / 40} for row, file in enumerate(FILES)
    }
    few, many = tables(columns)
    assert [row.label for row in few.rows] == ['10', '20', '30']
    assert [row.queries for row in many.rows] == [8] * 5
    means = [row.figures['mAP'].value for row in many.rows]
    assert means == sorted(means)
    assert many.rows[0].label.startswith('0 to ')


def test_a_group_without_a_match_has_no_figures():
    (table,) = tables({'q0': {'level': 'a'}}, np.r_[np.nan, np.ones(39)])
    assert (table.rows[0].matched, table.rows[0].figures) == (0, {})


def test_no_table_gives_no_groups():
    assert tables({}) == []


@pytest.mark.parametrize('count', [2, 40])
def test_numbers_that_look_alike_are_groups_of_their_own(count):
    columns = {file: {'id': 10_000_000 + row % count} for row, file in enumerate(FILES)}
    (table,) = tables(columns)
    assert sum(row.queries for row in table.rows) == 40
    assert len(table.rows) == (2 if count == 2 else 5)
