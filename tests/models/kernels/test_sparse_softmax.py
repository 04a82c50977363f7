import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from msvitreid.models.kernels.sparse_softmax import BLOCK, _on_device, sparse_softmax

INF, NAN, TINY = float('inf'), float('nan'), torch.finfo(torch.float32).tiny

ROWS = hnp.arrays(
    np.float64,
    hnp.array_shapes(min_dims=1, max_dims=4, max_side=9),
    # Few distinct numbers, so there are ties.
    elements=st.integers(-3, 3) | st.floats(-50, 50),
)


def by_hand(row, k):
    kept = np.full_like(row, -np.inf)
    places = np.argsort(-row, kind='stable')[:k]
    kept[places] = row[places]
    weights = np.exp(kept - row.max())
    return weights / weights.sum()


@settings(deadline=None)
@given(ROWS, st.data())
@pytest.mark.parametrize('path', [sparse_softmax, _on_device])
def test_equals_the_definition(path, rows, data):
    """Exactly k, of equal numbers the first: on the CPU, and as a device computes it."""
    k = data.draw(st.integers(1, rows.shape[-1]))
    expected = np.apply_along_axis(by_hand, -1, rows, k)
    found = path(torch.from_numpy(rows), k).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-15)
    assert np.array_equal(found == 0, expected == 0)


@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
@pytest.mark.parametrize('k', [1, 19, 63])
def test_rows_of_identical_tokens(k, dtype):
    """Ties: a row of 64 identical tokens keeps k of them, not 64, and those at the first places."""
    rows = torch.zeros(5, 64, dtype=dtype)
    rows[1, 40:] = 1
    rows[2, ::2] = -0.0
    kept = sparse_softmax(rows, k) > 0
    assert (kept.sum(1) == k).all()
    assert kept[0].nonzero().flatten().tolist() == list(range(k))
    assert kept[2].nonzero().flatten().tolist() == list(range(k))


def test_differences_below_the_least_normal_number_count():
    least = torch.finfo(torch.float32).tiny
    rows = torch.tensor([[0.0, least, -least], [0.0, least / 4, -least / 4]])
    for k, expected in (1, [False, True, False]), (2, [True, True, False]):
        assert (sparse_softmax(rows, k) > 0).tolist() == [expected] * 2


@settings(deadline=None)
@given(hnp.arrays(np.float32, (3, 7), elements=st.integers(-3, 3)), st.integers(1, 7))
def test_exactly_k_where_subnormal_numbers_are_flushed(rows, k):
    """Of numbers that count as equal there, any may be the first; never more than k are kept."""
    rows = torch.from_numpy(rows) * (torch.finfo(torch.float32).tiny / 2)
    normal = torch.arange(7.0).roll(3).expand(1, 7)
    if not torch.set_flush_denormal(True):
        pytest.skip('this processor does not flush')
    try:
        found, of_normal = sparse_softmax(rows, k), sparse_softmax(normal, k)
    finally:
        torch.set_flush_denormal(False)
    assert ((found > 0).sum(1) == k).all()
    assert of_normal.argmax() == 2


def plain_softmax(row, k):
    """Softmax of the k largest numbers by :func:`torch.softmax`; of equal ones the first."""
    kept = row.argsort(descending=True, stable=True)[:k]
    return torch.full_like(row, -INF).index_copy(0, kept, row[kept]).softmax(0)


ODD_ROWS = {
    'equal': [1, 1, 1, 1, 1],
    'zeros of both signs': [-0.0, 0, 0, -0.0, 0],
    'two values': [0, 1, 0, 1, 0],
    'one -inf': [2, -INF, 1, 2, 0],
    'all but one -inf': [-INF, 5, -INF, -INF, -INF],
    'all but two -inf': [-INF, 1, -INF, 2, -INF],
    '-inf only': [-INF] * 5,
    'far apart': [1, 2, -1e8, -INF, 0],
    'further apart than the largest number': [1, 2, 3e38, -3e38, 0],
    'least normal numbers': [TINY, 0, -TINY, 2 * TINY, TINY],
    'subnormal numbers': [TINY / 2, TINY / 4, 1e-45, -TINY / 4, 0],
    'inf': [1, INF, 0, 0, -INF],
    'inf only': [INF] * 5,
    'NaN': [NAN, 1, 2, 3, -INF],
    'NaN and ties': [1, NAN, 1, 1, 1],
    'NaN only': [NAN] * 5,
    'NaN and inf': [INF, NAN, -INF, INF, 0],
}


@pytest.mark.parametrize('path', [sparse_softmax, _on_device])
@pytest.mark.parametrize('row', ODD_ROWS.values(), ids=ODD_ROWS)
def test_odd_rows(row, path):
    """Rows that are no ordinary logits: [1, -inf, ...] gave NaN on the CPU, [1, 2, -1e8, -inf]
    0.5 and 0.5 with k = 3, and a device dropped NaN."""
    odd = torch.tensor(row, dtype=torch.float32)
    ordinary = torch.tensor([0.5, 3.0, -1.0, 0.0, 2.0])
    rows = torch.stack([ordinary, odd, ordinary])
    for k in range(1, 6):
        found = path(rows, k)
        for number in (0, 2):
            torch.testing.assert_close(found[number], plain_softmax(ordinary, k))
        if odd.isnan().any():
            assert found[1].isnan().all()
        else:
            torch.testing.assert_close(found[1], plain_softmax(odd, k), equal_nan=True)


def test_minus_infinity_by_numbers():
    rows = torch.tensor([[1, -INF, -INF, -INF], [1, 2, -1e8, -INF], [-INF] * 4])
    found = sparse_softmax(rows, 3)
    assert found[0].tolist() == [1, 0, 0, 0]
    assert found[1].tolist() == pytest.approx([0.26894142, 0.73105858, 0, 0])
    assert found[2].isnan().all()


def test_gradient_of_a_row_with_minus_infinity():
    row = torch.tensor([[1.0, -INF, 2.0, -INF]], requires_grad=True)
    sparse_softmax(row, 3)[0, 0].backward()
    share = 0.26894142
    assert row.grad[0].tolist() == pytest.approx([share * (1 - share), 0, share**2 - share, 0])


@pytest.mark.parametrize('k', [-1, 0, 5])
def test_k_out_of_range(k):
    with pytest.raises(ValueError, match=f'from 1 to 4, .* got {k}'):
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
    kept = plain.detach().sort(descending=True, stable=True).indices[:, :k]
    left_out = torch.ones_like(plain, dtype=torch.bool).scatter_(1, kept, False)
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
    # Three tie for two places.
    x = torch.tensor([[1.0, 5.0, 5.0, 5.0]], requires_grad=True)
    result = compiled(x)
    assert result.tolist() == [[0.0, 1.0, 1.0, 0.0]]
    result[0, 1].backward()
    assert x.grad.tolist() == [[0.0, 0.5, -0.5, 0.0]]
