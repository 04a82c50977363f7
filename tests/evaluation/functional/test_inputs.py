import numpy as np
import pytest
import torch

from msvitreid.evaluation.functional import k_reciprocal_rerank, recall_at_k, top_matches
from msvitreid.evaluation.functional.inputs import as_features, as_labels


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


@pytest.mark.parametrize(
    ('labels', 'named'), [([1.0, 1.2], r'1\.2'), ([float('nan'), 2], 'nan')]
)
def test_other_labels_are_refused(labels, named):
    with pytest.raises(ValueError, match=f'pids must be whole numbers, got {named}'):
        as_labels(labels, 2, 'pids')


@pytest.mark.parametrize('chunk', [0, -5])
def test_a_chunk_below_one_is_refused(chunk):
    with pytest.raises(ValueError, match=f'query_chunk must be at least 1, got {chunk}'):
        recall_at_k(np.eye(4), [0, 0, 1, 1], query_chunk=chunk)
    with pytest.raises(ValueError, match=f'query_chunk must be at least 1, got {chunk}'):
        top_matches(np.eye(2), np.eye(2), 1, [0, 1], [0, 1], query_chunk=chunk)


def test_a_negative_number_of_matches_is_refused():
    with pytest.raises(ValueError, match='k must be at least 0, got -1'):
        top_matches(np.eye(2), np.eye(2), -1, [0, 1], [0, 1])


def test_nothing_to_re_rank():
    with pytest.raises(ValueError, match='there is no image to re-rank'):
        k_reciprocal_rerank(np.empty((0, 3)), np.empty((0, 3)))


def test_squared_lengths_that_overflow():
    with pytest.raises(ValueError, match='vector of squared feature lengths holds NaN or inf'):
        k_reciprocal_rerank(np.full((2, 3), 1e20), np.full((2, 3), 1e20))
