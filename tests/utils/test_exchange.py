from __future__ import annotations

import numpy as np
import pytest
import torch
from mmengine.dist import get_rank

from msvitreid.utils.exchange import (
    gather_batches,
    gather_rows,
    gather_strings,
    of_first_rank,
    split_rows,
)
from tests.processes import run_ranks


def test_rows_of_ranks_with_different_numbers_of_them():
    parts = [np.empty((0, 2)), np.arange(6.0).reshape(3, 2), np.full((1, 2), 7.5)]
    for gathered in run_ranks(lambda: gather_rows(parts[get_rank()]), 3):
        assert len(gathered) == 3
        for part, expected in zip(gathered, parts, strict=True):
            np.testing.assert_array_equal(part, expected)
            assert part.dtype == expected.dtype


@pytest.mark.parametrize('dtype', ['int64', 'uint8', 'float32', 'float64'])
def test_no_rank_has_a_row(dtype):
    for gathered in run_ranks(lambda: gather_rows(np.empty((0, 3), dtype)), 2):
        assert [part.shape for part in gathered] == [(0, 3), (0, 3)]
        assert gathered[0].dtype == dtype


def test_strings_of_any_kind():
    parts = [['market', 'a\nb"\0c', 'market'], [], ['行人', '', '\udcff']]
    expected = [*parts[0], *parts[2]]
    for strings in run_ranks(
        lambda: gather_strings(np.array(parts[get_rank()], dtype=np.str_)), 3
    ):
        assert strings.tolist() == expected


def test_batches_take_turns_and_know_where_they_belong():
    """Rank 0 has batches of 3, 3 and 2 rows, rank 1 none, rank 2 one of 4."""
    rows = torch.arange(24.0).reshape(12, 2)
    parts = [list(rows[:8].split(3)), [], [rows[8:]]]

    def gather():
        batches = parts[get_rank()]
        found = [(start, batch.numpy()) for start, batch in gather_batches(batches, 2)]
        return found, len(batches)

    for found, left in run_ranks(gather, 3):
        assert left == 0
        filled = [(start, batch) for start, batch in found if len(batch)]
        assert [start for start, _ in filled] == [0, 8, 3, 6]
        for start, batch in filled:
            np.testing.assert_array_equal(batch, rows[start : start + len(batch)].numpy())


@pytest.mark.parametrize('count', [0, 1, 4, 5, 9, 30])
def test_shares_are_whole_blocks_and_together_everything(count):
    ranges = []

    def compute(start, stop):
        ranges.append((start, stop))
        rows = np.arange(start, stop)
        return rows, np.stack([rows, rows + 0.5], axis=1)

    answers = run_ranks(lambda: (split_rows(compute, count, 4), *ranges), 3)
    for (rows, pairs), _ in answers:
        np.testing.assert_array_equal(rows, np.arange(count))
        np.testing.assert_array_equal(pairs[:, 1], np.arange(count) + 0.5)
    shares = [share for _, share in answers]
    assert all(start % 4 == 0 or start == count for start, _ in shares)
    sizes = [stop - start for start, stop in shares]
    # No rank has more than its share, rounded up to whole blocks.
    assert max(sizes) <= -(-count // 12) * 4


def test_the_first_ranks_figures_count():
    figures = [{'mAP': 0.1 + 0.2, 'NMI': float('nan')}, {'mAP': 0.3, 'NMI': 0.5}]
    for answer in run_ranks(lambda: of_first_rank(figures[get_rank()]), 2):
        np.testing.assert_equal(answer, figures[0])


def test_one_process_gets_back_what_it_gave():
    rows, names = np.arange(3), np.array(['a', 'b'])
    assert np.shares_memory(gather_rows(rows)[0], rows)
    assert gather_strings(names) is names
    batch = torch.ones(2, 5)
    ((start, same),) = gather_batches([batch], 5)
    assert (start, same.data_ptr()) == (0, batch.data_ptr())
    assert split_rows(lambda start, stop: (start, stop), 7, 4) == (0, 7)
    assert of_first_rank({'mAP': 0.25}) == {'mAP': 0.25}
