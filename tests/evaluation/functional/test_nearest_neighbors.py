from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from msvitreid.evaluation.functional import similarity as module
from msvitreid.evaluation.functional.similarity import (
    StackedRows,
    nearest_neighbors,
    squared_norms,
)


def brute_force(features, k):
    squared = ((features[:, None] - features[None]) ** 2).sum(-1)
    order = np.argsort(squared, axis=1, kind='stable')[:, :k]
    return order, np.take_along_axis(squared, order, axis=1), squared.max(axis=1)


@settings(max_examples=60, deadline=None)
@given(
    count=st.integers(1, 40),
    k=st.integers(1, 12),
    block=st.integers(1, 17),
    pending=st.integers(0, 3),
    values=st.integers(1, 4),
    seed=st.integers(0, 99),
)
def test_agrees_with_all_distances_ties_included(count, k, block, pending, values, seed):
    features = np.random.default_rng(seed).integers(0, values, (count, 3)).astype(np.float32)
    k = min(k, count)
    tensor = torch.from_numpy(features)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, 'BLOCK', block)
        patch.setattr(module, '_PENDING', pending)
        norms = squared_norms(tensor)
        middle = min(count, block * (count // block // 2))
        for start, stop in ((0, count), (0, middle), (middle, count)):
            found = nearest_neighbors(tensor, norms, k, start, stop)
            for actual, expected in zip(found, brute_force(features, k), strict=True):
                np.testing.assert_array_equal(actual, expected[start:stop])


def test_each_block_of_distances_is_computed_once(monkeypatch):
    calls = []
    whole = module.squared_distances
    monkeypatch.setattr(module, 'BLOCK', 10)
    monkeypatch.setattr(
        module, 'squared_distances', lambda *args: calls.append(1) or whole(*args)
    )
    features = torch.rand(40, 5)
    nearest_neighbors(features, squared_norms(features), 3, 0, 40)
    assert len(calls) == 4 * 5 / 2


TOP, BOTTOM = 5, 7


@pytest.fixture(scope='module')
def matrices() -> tuple[torch.Tensor, torch.Tensor]:
    whole = torch.arange((TOP + BOTTOM) * 3.0).view(-1, 3)
    return whole[:TOP].clone(), whole[TOP:].clone()


@given(start=st.integers(0, 13), stop=st.integers(0, 13))
def test_slices_are_those_of_one_matrix(matrices, start: int, stop: int) -> None:
    stacked, whole = StackedRows(*matrices), torch.cat(matrices)
    assert len(stacked) == 12
    assert torch.equal(stacked[start:stop], whole[start:stop])


@given(rows=st.lists(st.integers(0, 11)))
def test_indices_are_those_of_one_matrix(matrices, rows: list[int]) -> None:
    stacked, whole = StackedRows(*matrices), torch.cat(matrices)
    indices = np.array(rows, dtype=np.int64)
    assert torch.equal(stacked[indices], whole[indices])


@pytest.mark.parametrize(('rows', 'matrix'), [(slice(1, 5), 0), (slice(5, 9), 1)])
def test_rows_of_one_matrix_are_not_copied(matrices, rows: slice, matrix: int) -> None:
    part = StackedRows(*matrices)[rows]
    assert part.untyped_storage().data_ptr() == matrices[matrix].untyped_storage().data_ptr()
