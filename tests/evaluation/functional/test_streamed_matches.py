from __future__ import annotations

import numpy as np
import pytest
import torch

from msvitreid.evaluation.functional import (
    AP_DEFINITIONS,
    rank_metrics,
    rank_streamed_matches,
    score_matches,
    summarize,
)

from . import oracle
from .test_features_to_map import assert_same, random_case


class Rows:
    """A file of rows such as h5py's: slices and ascending distinct indices, no more."""

    def __init__(self, rows):
        self._rows = np.asarray(rows)
        self.shape = self._rows.shape
        self.most = 0

    def __getitem__(self, rows):
        if not isinstance(rows, slice):
            assert (np.diff(rows) > 0).all()
        read = self._rows[rows]
        self.most = max(self.most, len(read))
        return read


@pytest.mark.parametrize(
    ('query_chunk', 'gallery_chunk'), [(1, 1), (7, 10), (23, 61), (99, 99)]
)
@pytest.mark.parametrize('seed', range(3))
def test_agrees_with_plain_python(seed, query_chunk, gallery_chunk):
    query, gallery, *labels = random_case(seed)
    rows = Rows(gallery)
    ranked = rank_streamed_matches(query, rows, *labels, query_chunk, gallery_chunk)
    assert rows.most <= gallery_chunk
    for ap in AP_DEFINITIONS:
        expected = oracle.rank_metrics(query @ gallery.T, *labels, ap, (1, 3))
        scores = score_matches(ranked, ap)
        assert_same({**summarize(scores, (1, 3)), 'AP': scores.average_precision}, expected)


@pytest.mark.parametrize('dtype', [np.float16, np.float32, np.float64])
def test_a_memory_mapped_gallery(dtype, tmp_path):
    query, gallery, *labels = random_case(4)
    file = np.memmap(tmp_path / 'gallery', dtype, 'w+', shape=gallery.shape)
    file[:] = gallery
    file.flush()
    expected = rank_metrics(query, gallery, *labels, ap='plain', per_query=True)
    mapped = np.memmap(tmp_path / 'gallery', dtype, 'r', shape=gallery.shape)
    assert_same(rank_metrics(query, mapped, *labels, ap='plain', per_query=True), expected)


def test_duplicates_tie_although_products_are_rounded():
    """Every gallery image is there twice: of another identity before or after its match."""
    rng = np.random.default_rng(0)
    num_queries, half = 16, 515
    query = rng.normal(size=(num_queries, 2560)).astype(np.float32)
    single = rng.normal(size=(half, 2560)).astype(np.float32)
    order = rng.permutation(2 * half)
    gallery = np.concatenate([single, single])[order]
    twins = order % half
    pids = np.where(order < half, order % num_queries, -2)
    exact = (query.astype(np.float64) @ single.T)[:, twins]
    ranking = np.argsort(-exact, axis=1, kind='stable')
    expected = np.concatenate(
        [np.flatnonzero(pids[row] == i) + 1 for i, row in enumerate(ranking)]
    )
    # The last block of the gallery has six rows.
    for query_chunk, gallery_chunk in ((16, 1024), (1, 1024), (5, 1024), (5, 64)):
        ranked = rank_streamed_matches(
            query,
            Rows(gallery),
            range(num_queries),
            pids,
            query_chunk=query_chunk,
            gallery_chunk=gallery_chunk,
        )
        np.testing.assert_array_equal(ranked.ranks, expected)


def test_an_empty_gallery_or_no_query():
    empty = rank_streamed_matches(np.ones((2, 3)), Rows(np.empty((0, 3))), [1, 2], [])
    assert (len(empty.queries), empty.num_queries) == (0, 2)
    nobody = rank_streamed_matches(np.empty((0, 3)), Rows(np.ones((2, 3))), [], [1, 2])
    assert (len(nobody.ranks), nobody.num_queries) == (0, 0)


def test_the_gallery_is_read_in_float32_and_tensors_are_queries_too():
    query, gallery, *labels = random_case(6)
    ranked = rank_streamed_matches(torch.from_numpy(query).double(), Rows(gallery), *labels)
    expected = rank_metrics(query, gallery, *labels)
    assert summarize(score_matches(ranked, 'trapezoid'), (1, 5, 10)) == expected


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'gallery_features': Rows(np.ones((4, 5)))}, '3 columns but gallery_features 5'),
        ({'gallery_features': Rows(np.ones(4))}, r'gallery_features must have shape \(N, D\)'),
        ({'gallery_features': Rows(np.full((4, 3), np.nan))}, 'gallery_features holds NaN'),
        ({'gallery_features': Rows(np.ones((5, 3)))}, '4 gallery_pids'),
        ({'gallery_features': Rows(np.full((4, 3), 1e-20))}, 'gallery_features .* vanish'),
        ({'query_pids': [1]}, r'query_pids must have shape \(2,\)'),
        ({'query_camids': [0]}, r'query_camids must have shape \(2,\)'),
        ({'query_chunk': 0}, 'query_chunk must be a whole number'),
        ({'gallery_chunk': 0}, 'gallery_chunk must be a whole number'),
    ],
)
def test_bad_input_is_an_error_that_says_so(change, message):
    good = {
        'query_features': np.ones((2, 3)),
        'gallery_features': Rows(np.ones((4, 3))),
        'query_pids': [0, 1],
        'gallery_pids': [0, 1, 0, 1],
        'query_camids': [0, 0],
        'gallery_camids': [1, 1, 1, 1],
    }
    with pytest.raises(ValueError, match=message):
        rank_streamed_matches(**{**good, **change})


def test_an_unknown_ap_is_refused_before_the_gallery_is_read():
    rows = Rows(np.ones((4, 3)))
    with pytest.raises(ValueError, match="got 'voc'"):
        rank_metrics(np.ones((1, 3)), rows, [0], [0, 1, 0, 1], ap='voc')
    assert rows.most == 0
