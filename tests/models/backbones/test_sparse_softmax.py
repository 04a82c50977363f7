import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from msvitreid.models.backbones.sparse_softmax import BLOCK, sparse_softmax

ROWS = hnp.arrays(
    np.float64,
    hnp.array_shapes(min_dims=1, max_dims=4, max_side=9),
    # Few distinct numbers, so there are ties.
    elements=st.integers(-3, 3) | st.floats(-50, 50),
)


def by_hand(row, k):
    kept = row >= np.sort(row)[-k]
    weights = np.where(kept, np.exp(row - row.max()), 0)
    return weights / weights.sum()


@settings(deadline=None)
@given(ROWS, st.data())
def test_equals_the_definition(rows, data):
    k = data.draw(st.integers(1, rows.shape[-1]))
    expected = np.apply_along_axis(by_hand, -1, rows, k)
    found = sparse_softmax(torch.from_numpy(rows), k).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-15)
    assert np.array_equal(found == 0, expected == 0)


def test_the_least_difference_there_is_counts():
    least = float(np.finfo(np.float32).smallest_subnormal)
    rows = torch.tensor([[0.0, least, -least], [0.0, 0.0, -least]])
    assert (sparse_softmax(rows, 1) > 0).tolist() == [
        [False, True, False],
        [True, True, False],
    ]
    assert (sparse_softmax(rows, 2) > 0).tolist() == [[True, True, False]] * 2


@pytest.mark.parametrize('k', [1, 3, 7])
def test_gradient(k):
    rows = torch.randn(4, 2, 7, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: sparse_softmax(x, k), rows)


@pytest.mark.parametrize('rows', [1, BLOCK // 1024, 2 * BLOCK // 1024 + 1])
@pytest.mark.parametrize('mode', [torch.inference_mode, torch.no_grad, torch.enable_grad])
def test_blocks_and_modes(rows, mode):
    with mode():
        values = torch.randn(rows, 1024)
        threshold = values.topk(3).values[:, -1:]
        expected = values.masked_fill(values < threshold, float('-inf')).softmax(-1)
        torch.testing.assert_close(sparse_softmax(values, 3), expected)
        # Not contiguous, and left as it is.
        turned = values.T.contiguous().T
        before = turned.clone()
        torch.testing.assert_close(sparse_softmax(turned, 3), expected)
        assert torch.equal(turned, before)


def test_compiles_as_one_operation():
    compiled = torch.compile(
        lambda x: sparse_softmax(x, 2) * 2, backend='aot_eager', fullgraph=True
    )
    x = torch.tensor([[1.0, 5.0, 5.0]], requires_grad=True)
    result = compiled(x)
    assert result.tolist() == [[0.0, 1.0, 1.0]]
    result[0, 1].backward()
    assert x.grad.tolist() == [[0.0, 0.5, -0.5]]
