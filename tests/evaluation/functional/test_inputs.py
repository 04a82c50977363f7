"""Bad input is a ``ValueError`` naming the argument: no wrong figure, no other error."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array

from msvitreid.evaluation.functional import (
    MarketRule,
    inner_product_rows,
    k_reciprocal_rerank,
    kmeans_nmi,
    normalized_mutual_information,
    rank_matches,
    rank_metrics,
    rank_metrics_from_similarity,
    recall_at_k,
    recall_of_first_ranks,
    top_matches,
    verification_metrics,
)
from msvitreid.evaluation.functional.inputs import as_features, as_indices, as_labels


def test_any_layout_of_an_array():
    features = np.arange(6.0).reshape(2, 3)
    assert as_features(features[::-1, ::-1], 'x').tolist() == [[5, 4, 3], [2, 1, 0]]
    assert as_features(np.asfortranarray(features), 'x').tolist() == features.tolist()


@pytest.mark.parametrize(
    'labels', [[1.0, 2.0], torch.tensor([1, 2]), np.array([1, 2], np.uint8)]
)
def test_labels_become_whole_numbers(labels):
    vector = as_labels(labels, 2, 'pids')
    assert vector.dtype == np.int64
    assert vector.tolist() == [1, 2]


LABELS = [0, 0, 1, 1]

CALLS = {
    'rank_metrics query': lambda f, p=LABELS: rank_metrics(f, np.eye(4), p, LABELS),
    'rank_metrics gallery': lambda f, p=LABELS: rank_metrics(np.eye(4), f, LABELS, p),
    'rank_metrics_from_similarity': lambda f, p=LABELS: rank_metrics_from_similarity(
        f, LABELS, p
    ),
    'recall_at_k': lambda f, p=LABELS: recall_at_k(f, p),
    'recall_at_k gallery': lambda f, p=LABELS: recall_at_k(np.eye(4), LABELS, (1,), f, p),
    'kmeans_nmi': lambda f, p=LABELS: kmeans_nmi(f, p),
    'top_matches': lambda f, p=LABELS: top_matches(f, np.eye(4), 2, p, LABELS),
    'k_reciprocal_rerank query': lambda f: k_reciprocal_rerank(f, np.eye(4)),
    'k_reciprocal_rerank gallery': lambda f: k_reciprocal_rerank(np.eye(4), f),
}

NOT_REAL_NUMBERS = {
    'digit strings': np.full((4, 4), '1'),
    'complex': np.eye(4) * 1j,
    'objects': np.eye(4).astype(object),
    'sparse array': csr_array(np.eye(4)),
    'sparse tensor': torch.eye(4).to_sparse(),
    'complex tensor': torch.eye(4) * 1j,
    'ragged list': [[1.0], [1.0, 2.0], [1.0], [2.0]],
    'masked array': np.ma.masked_less(np.eye(4), 0.5),
    'a word': 'abcd',
    'a vector': np.ones(4),
    'NaN': np.full((4, 4), np.nan),
}


@pytest.mark.parametrize('call', CALLS.values(), ids=CALLS)
@pytest.mark.parametrize('features', NOT_REAL_NUMBERS.values(), ids=NOT_REAL_NUMBERS)
def test_features_that_are_not_real_numbers(call, features):
    with pytest.raises(ValueError, match=r'features|similarit|samples'):
        call(features)


def test_features_beyond_float32_and_without_columns():
    for name, call in CALLS.items():
        if name != 'rank_metrics_from_similarity':
            for features in (np.full((4, 4), 1e300), np.empty((4, 0))):
                with pytest.raises(ValueError, match='features'):
                    call(features)


def test_no_features_at_all():
    for name, call in CALLS.items():
        if 'recall_at_k gallery' not in name:
            with pytest.raises(ValueError, match=r'features|similarit'):
                call(None)


def test_data_frames_are_arrays():
    class Frame:
        """What pandas' and others' have in common; columns are got by ``[]``, not rows."""

        shape = (4, 4)

        def to_numpy(self):
            return np.eye(4)

        def __array__(self, dtype=None, copy=None):
            return np.eye(4)

    assert rank_metrics(np.eye(4), Frame(), LABELS, LABELS)['rank-1'] == 1.0


@pytest.mark.parametrize(
    ('labels', 'named'),
    [
        ([0, 0, 1, 1.2], r'1\.2'),
        ([float('nan'), 0, 1, 1], 'nan'),
        ([float('inf'), 0, 1, 1], 'inf'),
        ([2.0**60, 0, 1, 1], 'int64'),
        ([2**63, 0, 1, 1], 'int64'),
        ([2**63, -1, 1, 1], 'int64'),
        ([2**70, 0, 1, 1], 'object'),
        (['0', '0', '1', '1'], 'real numbers'),
        (['a', 'b', 'c', 'd'], 'real numbers'),
        ([None, 0, 1, 1], 'object'),
        ([0, 0, 1, 1j], 'complex'),
        (None, 'object'),
        (7, r'shape .*got \(\)'),
        ([[0], [0], [1], [1]], r'\(4, 1\)'),
        ([0, 0, 1], r'\(3,\)|3 query_pids|3 gallery_pids|gallery items'),
        (torch.tensor([0, 0, 1, 1]).to_sparse(), 'dense'),
        (torch.tensor([0, 0, 1, 1j]), 'complex'),
    ],
)
@pytest.mark.parametrize('name', ['rank_metrics query', 'rank_metrics gallery', 'recall_at_k',
                                  'kmeans_nmi', 'top_matches'])  # fmt: skip
def test_labels_that_are_not_whole_numbers(name, labels, named):
    with pytest.raises(ValueError, match=named):
        CALLS[name](np.eye(4), labels)


def test_large_labels_stay_apart():
    labels = np.array([2**62, 2**62 + 1, 2**62, 2**62 + 1])
    assert as_labels(labels, 4, 'pids').tolist() == labels.tolist()
    assert as_labels(labels.astype(np.uint64), 4, 'pids').tolist() == labels.tolist()
    for dtype, exact in (
        (torch.bfloat16, 2**8),
        (torch.float16, 2**11),
        (torch.float32, 2**24),
    ):
        largest = torch.tensor([exact - 1], dtype=dtype)
        assert as_labels(largest, 1, 'x').tolist() == [exact - 1]
        # The next whole number is rounded to this one.
        with pytest.raises(ValueError, match='floats exactly'):
            as_labels(torch.tensor([exact], dtype=dtype), 1, 'x')


@pytest.mark.parametrize(
    'topk', [(-1,), (0,), (1.5,), (5.0,), 5, True, (True,), (), '15', None, ('1',), [1, 0], 2.5]
)
def test_ranks_that_are_not_whole_numbers_from_one_on(topk):
    calls = [
        lambda: rank_metrics(np.eye(4), np.eye(4), LABELS, LABELS, topk=topk),
        lambda: rank_metrics_from_similarity(np.eye(4), LABELS, LABELS, topk=topk),
        lambda: recall_at_k(np.eye(4), LABELS, topk),
        lambda: recall_of_first_ranks(np.array([1, 2]), topk),
    ]
    for call in calls:
        with pytest.raises(ValueError, match=r'topk .* whole numbers'):
            call()


def test_ranks_of_any_whole_type():
    metrics = recall_at_k(np.eye(4), LABELS, np.array([1, 3]))
    assert list(metrics) == ['recall@1', 'recall@3']
    assert list(recall_at_k(np.eye(4), LABELS, range(1, 3))) == ['recall@1', 'recall@2']


HUGE = (np.random.default_rng(0).normal(size=(40, 8)) * 1e30).astype(np.float32)
PIDS = np.random.default_rng(1).integers(0, 5, 40)


class Rows:
    shape = HUGE.shape

    def __getitem__(self, rows):
        return HUGE[rows]


@pytest.mark.parametrize(
    'call',
    [
        lambda: rank_metrics(HUGE, HUGE, PIDS, PIDS),
        lambda: rank_metrics(HUGE, Rows(), PIDS, PIDS),
        lambda: recall_at_k(HUGE, PIDS),
        lambda: top_matches(HUGE, HUGE, 3, PIDS, PIDS),
        lambda: k_reciprocal_rerank(HUGE, HUGE),
        lambda: kmeans_nmi(HUGE, PIDS),
        lambda: rank_matches(inner_product_rows(HUGE, HUGE), MarketRule(PIDS, PIDS), 0, 40),
    ],
)
def test_finite_features_whose_products_are_not(call):
    """They gave an mAP of 1.17 and an mINP of 1.67."""
    assert np.isfinite(HUGE).all()
    with pytest.raises(ValueError, match='NaN or infinite'):
        call()


def test_large_features_whose_products_are_finite():
    features = HUGE * 1e-12
    assert 0 <= rank_metrics(features, features, PIDS, PIDS)['mAP'] <= 1


def test_large_integers_of_a_similarity_matrix_stay_apart():
    similarity = np.array([[2**24, 2**24 + 1]])  # equal in float32
    metrics = rank_metrics_from_similarity(similarity, [1], [0, 1], topk=(1,))
    assert metrics['rank-1'] == 1.0


@pytest.mark.parametrize('chunk', [0, -5, 1.5, True, '8', None])
def test_a_chunk_that_is_not_a_whole_number_from_one_on(chunk):
    with pytest.raises(ValueError, match=r'query_chunk .* whole'):
        recall_at_k(np.eye(4), [0, 0, 1, 1], query_chunk=chunk)
    with pytest.raises(ValueError, match=r'query_chunk .* whole'):
        top_matches(np.eye(2), np.eye(2), 1, [0, 1], [0, 1], query_chunk=chunk)
    with pytest.raises(ValueError, match=r'query_chunk .* whole'):
        rank_metrics(np.eye(2), np.eye(2), [0, 1], [0, 1], query_chunk=chunk)


@pytest.mark.parametrize('k', [-1, 1.5, True, None])
def test_a_number_of_matches_that_cannot_be(k):
    with pytest.raises(ValueError, match='k must be a whole number, at least 0'):
        top_matches(np.eye(2), np.eye(2), k, [0, 1], [0, 1])


@pytest.mark.parametrize('bounds', [(-1, 2), (0, 3), (2, 1), (0.0, 2)])
def test_a_range_that_is_none_of_queries(bounds):
    rule = MarketRule([0, 1], [0, 1])
    with pytest.raises(ValueError, match=r'start and stop .* 2 queries'):
        rank_matches(inner_product_rows(np.eye(2), np.eye(2)), rule, *bounds)


@pytest.mark.parametrize(
    'options',
    [
        {'num_clusters': 1.5},
        {'num_clusters': True},
        {'num_clusters': 5},
        {'iterations': 0},
        {'iterations': -1},
        {'seed': -1},
        {'seed': 0.5},
        {'seed': None},
    ],
)
def test_numbers_that_k_means_cannot_use(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        kmeans_nmi(np.eye(4), LABELS, **options)


def test_labelings_of_different_length():
    with pytest.raises(ValueError, match='clusters must have shape'):
        normalized_mutual_information([0, 1], [0, 1, 2])
    with pytest.raises(ValueError, match='no label'):
        normalized_mutual_information([], [])


def test_indices_outside():
    assert as_indices([-1, 2], 2, 3, 'x').tolist() == [-1, 2]
    for index in (-2, 3):
        with pytest.raises(ValueError, match='x must be from 0 to 2'):
            as_indices([index, 0], 2, 3, 'x')


@pytest.mark.parametrize(
    'options', [{'k1': True}, {'k2': 0}, {'k1': '20'}, {'lambda_value': 2}, {'lambda_value': -1},
                {'lambda_value': True}, {'lambda_value': float('nan')}]
)  # fmt: skip
def test_parameters_of_re_ranking(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        k_reciprocal_rerank(np.eye(4), np.eye(4), **options)


def test_nothing_to_re_rank():
    with pytest.raises(ValueError, match='there is no image to re-rank'):
        k_reciprocal_rerank(np.empty((0, 3)), np.empty((0, 3)))


def test_squared_lengths_that_overflow():
    with pytest.raises(ValueError, match=r'squared feature lengths .*NaN'):
        k_reciprocal_rerank(np.full((2, 3), 1e20), np.full((2, 3), 1e20))


@pytest.mark.parametrize(
    'labels',
    [
        torch.tensor([2.0**53 + 1, 1.0], dtype=torch.float64),
        torch.tensor([257.0, 1.0], dtype=torch.bfloat16),
        torch.tensor([2049.0, 1.0], dtype=torch.float16),
        torch.zeros(2, device='meta'),
    ],
)
def test_labels_that_have_been_rounded_or_have_no_numbers(labels):
    """Two people whose labels round to one number are one."""
    with pytest.raises(ValueError, match='pids must'):
        as_labels(labels, 2, 'pids')


@pytest.mark.parametrize('kind', ['float32', 'float64'])
@pytest.mark.parametrize('scale', [1e-22, 1e-30])
def test_features_whose_products_vanish(kind, scale):
    """The class: finite features and wrong figures without a word.

    Products of 1e-30 are 0 in float32, and images were ranked by their place in the gallery:
    recall@8 of random features was 1.0.
    """
    features = np.random.default_rng(0).standard_normal((30, 8)).astype(kind) * scale
    features = features.astype(kind)
    pids = np.arange(30) % 4
    for measure in (
        lambda: rank_metrics(features[:9], features, pids[:9], pids),
        lambda: recall_at_k(features, pids),
        lambda: verification_metrics(features[:9], features, pids[:9], pids),
        lambda: kmeans_nmi(features, pids),
        lambda: k_reciprocal_rerank(features[:9], features),
    ):
        with pytest.raises(ValueError, match='vanish'):
            measure()


def test_zero_features_are_ranked_and_small_ones_as_large_ones():
    features = np.random.default_rng(0).standard_normal((30, 8)).astype(np.float32)
    pids = np.arange(30) % 4
    zeros = np.zeros_like(features)
    assert rank_metrics(zeros[:9], zeros, pids[:9], pids)['mAP'] > 0
    small = features * np.float32(2**-50)
    assert recall_at_k(small, pids) == recall_at_k(features, pids)
    itself = np.arange(9)
    assert rank_metrics(small[:9], features, pids[:9], pids, self_index=itself) == rank_metrics(
        features[:9], features, pids[:9], pids, self_index=itself
    )


def test_features_on_the_meta_device():
    with pytest.raises(ValueError, match='meta'):
        rank_metrics(torch.ones(2, 3, device='meta'), np.ones((2, 3)), [0, 1], [0, 1])


@pytest.mark.parametrize('kind', [np.int64, np.uint64])
def test_similarities_that_float64_cannot_tell_apart(kind):
    """The class: a wrong rank without a word. 2**53 + 1 tied with 2**53, and came second."""
    similarity = np.array([[2**53, 2**53 + 1, 2**53]], dtype=kind)
    with pytest.raises(ValueError, match='float64 cannot'):
        rank_metrics_from_similarity(similarity, [1], [2, 1, 2])
    found = rank_metrics_from_similarity(similarity - kind(2), [1], [2, 1, 2])
    assert found['rank-1'] == 1


def test_a_seed_beyond_that_of_torch():
    with pytest.raises(ValueError, match='seed must be'):
        kmeans_nmi(np.eye(4), [0, 0, 1, 1], seed=2**63)
