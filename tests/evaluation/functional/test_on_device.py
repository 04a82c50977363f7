"""Measures on a device: the CPU's results, and the host waits for it once a block at most.

The class of faults: a branch for devices that no test without a GPU runs, and copies of whole
blocks to the host.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch

from msvitreid.evaluation.functional import (
    expand_queries,
    k_reciprocal_rerank,
    rank_metrics,
    recall_at_k,
    top_matches,
)
from msvitreid.evaluation.functional.on_device import all_digits, to_host, upload
from msvitreid.evaluation.functional.similarity import BLOCK, inner_products
from tests.fake_device import CUDA, FakeDevice

from .test_features_to_map import random_case

#: The host checks features before it begins: their range, twice each.
CHECKS = 4

MATMUL = torch.backends.cuda.matmul


def units(count: int, dimension: int, seed: int) -> np.ndarray:
    """With duplicates, whose similarities are equal."""
    rows = np.random.default_rng(seed).normal(size=(count, dimension)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    rows[count // 2 :: 3] = rows[0]
    return rows


def on_device(*arrays: np.ndarray) -> list[torch.Tensor]:
    return [torch.from_numpy(array).to(CUDA, non_blocking=True) for array in arrays]


@pytest.mark.parametrize('seed', range(6))
@pytest.mark.parametrize('chunk', [1, 5, 23, 256])
@pytest.mark.parametrize('ap', ['trapezoid', 'plain'])
def test_rankings_are_those_of_the_cpu(seed, chunk, ap):
    """Ties, junk, unmatched queries and the borders of blocks: AP equal to the last digit."""
    query, gallery, *labels = random_case(seed)
    options = dict(ap=ap, per_query=True, query_chunk=chunk, extra=('MRR', 'MAP@R'))
    expected = rank_metrics(query, gallery, *labels, **options)
    with FakeDevice() as device:
        found = rank_metrics(*on_device(query, gallery), *labels, **options)
    blocks = -(-len(query) // chunk)
    assert expected['num_unmatched'] > 0
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value, err_msg=name)
    assert len(device.waits) == blocks + CHECKS
    assert device.waits.count('_to_copy to the host') == blocks


@pytest.mark.parametrize(('num_queries', 'num_gallery'), [(1, 1), (1, 33), (7, 64), (300, 31)])
def test_odd_shapes(num_queries, num_gallery):
    query, gallery = units(num_queries, 19, 0), units(num_gallery, 19, 1)
    pids = np.arange(num_queries) % 5, np.arange(num_gallery) % 7 - 1
    expected = rank_metrics(query, gallery, *pids, per_query=True)
    with FakeDevice():
        found = rank_metrics(*on_device(query, gallery), *pids, per_query=True)
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value, err_msg=name)


def test_zeros_of_either_sign_tie():
    """A sort of bits has -0 before 0."""
    gallery = np.array([[-0.0], [0.0], [-0.0], [0.0]], np.float32)
    args = np.array([[1.0]], np.float32), gallery, [1], [0, 1, 0, 1]
    with FakeDevice():
        found = rank_metrics(*on_device(*args[:2]), *args[2:])
    assert found == rank_metrics(*args)
    assert found['mINP'] == 2 / 4


@pytest.mark.parametrize('chunk', [7, 64])
def test_recall_of_classes(chunk):
    features, pids = units(61, 8, 2), np.arange(61) % 9
    expected = recall_at_k(features, pids, query_chunk=chunk)
    with FakeDevice() as device:
        assert recall_at_k(*on_device(features), pids, query_chunk=chunk) == expected
    assert len(device.waits) == -(-61 // chunk) + CHECKS


def test_first_matches():
    query, gallery, *labels = random_case(3)
    expected = top_matches(query, gallery, 9, *labels, query_chunk=5)
    with FakeDevice() as device:
        found = top_matches(*on_device(query, gallery), 9, *labels, query_chunk=5)
    np.testing.assert_array_equal(found, expected)
    assert len(device.waits) == 5 + CHECKS


@pytest.mark.parametrize('num_gallery', [BLOCK - 3, 2 * BLOCK + 5])
def test_re_ranking(num_gallery):
    query, gallery = units(20, 16, 4), units(num_gallery, 16, 5)
    itself = np.where(np.arange(20) % 4, -1, np.arange(20))
    args = 12, 4, 0.3, itself
    expected = k_reciprocal_rerank(query, gallery, *args)
    with FakeDevice() as device:
        found = k_reciprocal_rerank(*on_device(query, gallery), *args)
    np.testing.assert_array_equal(found, expected)
    # A block of items is read once, and not each of the pairs of blocks.
    assert len(device.waits) <= 20


def test_expanded_queries():
    query, gallery = units(9, 16, 6), units(40, 16, 7)
    options = dict(k=5, self_index=np.arange(9) - 1, query_chunk=4)
    expected = expand_queries(query, gallery, **options)
    with FakeDevice() as device:
        found = expand_queries(*on_device(query, gallery), **options)
    np.testing.assert_array_equal(found, expected)
    assert len(device.waits) == 3 + CHECKS


def test_similarities_that_overflow_are_refused():
    large = np.full((3, 4), 1e20, np.float32)
    with FakeDevice(), pytest.raises(ValueError, match='queries 0 to 2'):
        rank_metrics(*on_device(large, large), [1, 2, 3], [1, 2, 3])


def test_arrays_go_to_a_device_and_back():
    arrays = (
        np.arange(5),
        np.array([[1.5, -2.0, np.nan]], np.float32),
        np.array(True),
        np.empty((0, 3)),
    )
    with FakeDevice() as device:
        back = to_host(*(upload(array, CUDA) for array in arrays))
    assert device.waits == ['_to_copy to the host']
    for found, array in zip(back, arrays, strict=True):
        assert found.dtype == array.dtype
        np.testing.assert_array_equal(found, array)


@pytest.fixture(params=['set by its old name', 'set by its new name', 'not set'])
def precision(request, monkeypatch):
    """The name of the setting and a value of the process's own."""
    name = 'fp32_precision' if hasattr(MATMUL, 'fp32_precision') else 'allow_tf32'
    before = getattr(MATMUL, name)
    if request.param == 'set by its old name':
        MATMUL.allow_tf32 = True
    elif request.param == 'set by its new name':
        setattr(MATMUL, name, 'tf32' if name == 'fp32_precision' else True)
    yield name
    setattr(MATMUL, name, before)


def test_products_have_all_digits_whatever_the_process_asked_for(precision):
    """TF32 is off by 1e-3 of a similarity; the setting is the process's before and after."""
    before = getattr(MATMUL, precision)
    with all_digits(torch.device('cpu')):
        assert getattr(MATMUL, precision) == before
    with pytest.raises(KeyError), all_digits(CUDA):  # noqa: PT012
        assert getattr(MATMUL, precision) in ('ieee', 'none', False)
        raise KeyError
    assert getattr(MATMUL, precision) == before


def test_products_are_made_without_tf32(precision, monkeypatch):
    seen = []
    whole = FakeDevice._look
    monkeypatch.setattr(
        FakeDevice,
        '_look',
        lambda self, name, *args: (
            seen.append(getattr(MATMUL, precision)) if name == 'mm' else None,
            whole(self, name, *args),
        ),
    )
    with FakeDevice():
        inner_products(*on_device(units(3, 4, 0), units(40, 4, 1)))
    assert len(seen) == 2
    assert set(seen) <= {'ieee', 'none', False}
