import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from msvitreid.evaluation.functional.stacked_rows import StackedRows

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
    indices = torch.tensor(rows, dtype=torch.int64)
    assert torch.equal(stacked[indices], whole[indices])


@pytest.mark.parametrize(('rows', 'matrix'), [(slice(1, 5), 0), (slice(5, 9), 1)])
def test_rows_of_one_matrix_are_not_copied(matrices, rows: slice, matrix: int) -> None:
    part = StackedRows(*matrices)[rows]
    assert part.untyped_storage().data_ptr() == matrices[matrix].untyped_storage().data_ptr()
