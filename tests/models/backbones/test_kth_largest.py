import multiprocessing

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from msvitreid.models.backbones.kth_largest import BLOCK, kth_largest

ROWS = hnp.arrays(
    np.float32,
    hnp.array_shapes(min_dims=1, max_dims=4, max_side=9),
    elements=st.floats(-3, 3, width=32),
)


@given(ROWS, st.data())
def test_equals_sorting(rows, data):
    k = data.draw(st.integers(1, rows.shape[-1]))
    expected = np.sort(rows, axis=-1)[..., -k, None]
    assert np.array_equal(kth_largest(torch.from_numpy(rows), k).numpy(), expected)


@pytest.mark.parametrize('dtype', [torch.float64, torch.float32, torch.float16, torch.bfloat16])
def test_types_and_infinities(dtype):
    rows = torch.tensor([[1.0, float('-inf'), 3.0, 3.0], [0.0, -0.0, float('inf'), 2.0]])
    assert kth_largest(rows.to(dtype), 2).tolist() == [[3.0], [2.0]]
    assert kth_largest(rows.to(dtype), 4)[0].item() == float('-inf')


@pytest.mark.parametrize('rows', [BLOCK - 1, BLOCK, 2 * BLOCK + 1])
@pytest.mark.parametrize('threads', [1, 3])
def test_blocks_and_threads(rows, threads, monkeypatch):
    monkeypatch.setattr(torch, 'get_num_threads', lambda: threads)
    values = torch.randn(rows, 5)
    expected = values.topk(2).values[:, -1:]
    assert torch.equal(kth_largest(values, 2), expected)
    # Not contiguous, and left as it is.
    turned = values.T.contiguous().T
    before = turned.clone()
    assert torch.equal(kth_largest(turned, 2), expected)
    assert torch.equal(turned, before)


def test_a_forked_process_starts_threads_of_its_own(monkeypatch):
    monkeypatch.setattr(torch, 'get_num_threads', lambda: 2)
    values = torch.randn(2 * BLOCK, 4)
    kth_largest(values, 1)
    fork = multiprocessing.get_context('fork')
    child = fork.Process(target=kth_largest, args=(values, 1))
    child.start()
    child.join(timeout=30)
    child.kill()
    assert child.exitcode == 0


def test_compiles_as_one_operation():
    compiled = torch.compile(lambda x: kth_largest(x, 2) * 2, backend='eager', fullgraph=True)
    assert compiled(torch.tensor([[1.0, 5.0, 3.0]])).tolist() == [[6.0]]
