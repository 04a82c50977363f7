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
    kept = row - np.sort(row)[-k] > -np.finfo(row.dtype).tiny
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


def test_the_least_normal_difference_counts():
    least = torch.finfo(torch.float32).tiny
    rows = torch.tensor([[0.0, least, -least], [0.0, 0.0, -least]])
    assert (sparse_softmax(rows, 1) > 0).tolist() == [
        [False, True, False],
        [True, True, False],
    ]
    assert (sparse_softmax(rows, 2) > 0).tolist() == [[True, True, False]] * 2


def test_ties_stay_where_subnormal_numbers_are_flushed():
    if not torch.set_flush_denormal(True):
        pytest.skip('this processor does not flush')
    try:
        rows = torch.tensor([[1.0, 2.0, 3.0, 3.0, 4.0]])
        kept = [(sparse_softmax(rows, k) > 0).tolist()[0] for k in (1, 2, 4)]
    finally:
        torch.set_flush_denormal(False)
    assert kept == [
        [False, False, False, False, True],
        [False, False, True, True, True],
        [False, True, True, True, True],
    ]


@pytest.mark.parametrize('k', [-1, 0, 5])
def test_k_out_of_range(k):
    with pytest.raises(ValueError, match=f'from 1 to 4, the length of a row, got {k}'):
        sparse_softmax(torch.zeros(2, 4), k)


@settings(deadline=None)
@given(
    hnp.arrays(np.float32, (3, 7), elements=st.integers(-3, 3) | st.floats(-9, 9, width=32)),
    st.integers(1, 7),
)
def test_gradient_in_float32_with_ties(rows, k):
    weights = torch.linspace(-1, 1, 21).view(3, 7)
    ours, plain = (torch.from_numpy(rows).requires_grad_() for _ in range(2))
    (sparse_softmax(ours, k) * weights).sum().backward()
    left_out = plain < plain.detach().sort(descending=True).values[:, k - 1, None]
    (plain.masked_fill(left_out, -torch.inf).softmax(-1) * weights).sum().backward()
    torch.testing.assert_close(ours.grad, plain.grad, rtol=1e-5, atol=1e-7)


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
