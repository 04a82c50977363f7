"""Several processes give the figures of one, to the last bit."""

from __future__ import annotations

import pickle

import mmengine.dist
import mmengine.evaluator.metric
import numpy as np
import pytest
import torch
from mmengine.dataset import DefaultSampler
from mmengine.dist import get_rank

from msvitreid.errors import DatasetError, ReIDError
from msvitreid.evaluation import RandomGalleryMetric, ReIDMetric, RetrievalMetric
from msvitreid.evaluation.functional import reranking
from msvitreid.evaluation.metrics import across_processes, retrieval_metric
from tests.processes import run_ranks

from .samples import make_samples

COUNT = 1201
"""Odd and prime: no number of processes divides it. Its queries are several blocks."""


def make_images(queries=600, cameras=True, sets=('',), seed=0):
    rng = np.random.default_rng(seed)
    pids = rng.integers(0, 150, COUNT)
    features = 0.6 * rng.normal(size=(150, 24))[pids] + rng.normal(size=(COUNT, 24))
    features[700:760] = features[:60]  # equal similarities
    camids = rng.integers(1, 7, COUNT) if cameras else None
    splits = ['query'] * queries + ['gallery'] * (COUNT - queries)
    samples = make_samples(features, pids, splits, camids)
    for index, sample in enumerate(samples):
        sample.set_metainfo({'dataset': sets[index % len(sets)]})
    return samples


CASES = {
    'reid': (ReIDMetric, {}, {}),
    'plain, no cameras, prefix': (
        ReIDMetric,
        {'ap': 'plain', 'topk': (1, 7), 'prefix': 'test'},
        {'cameras': False},
    ),
    'everything': (
        ReIDMetric,
        {
            'extra': ['precision', 'R-precision', 'MAP@R', 'MRR'],
            'fprs': [0.01],
            'query_expansion': {'k': 4},
            'camera_pairs': True,
            'bootstrap': 20,
        },
        {},
    ),
    'self-retrieval with distractors': (
        ReIDMetric,
        {'self_retrieval': True, 'rerank': {'k1': 8, 'k2': 3}, 'query_expansion': {}},
        {},
    ),
    're-ranked': (ReIDMetric, {'rerank': {'k1': 8, 'k2': 3}}, {}),
    'several sets': (ReIDMetric, {}, {'sets': ('market', 'duke-λ', 'm')}),
    'self-retrieval': (
        RetrievalMetric,
        {'ami': True, 'extra': ['MAP@R'], 'bootstrap': 3},
        {'queries': COUNT},
    ),
    'retrieval': (RetrievalMetric, {'nmi': False}, {'queries': 530}),
    'random galleries': (RandomGalleryMetric, {'draws': 3}, {'queries': COUNT}),
}


@pytest.fixture(scope='module')
def cases():
    return {
        name: (metric, options, make_images(**images))
        for name, (metric, options, images) in CASES.items()
    }


def evaluate(metric, samples, indices, batch_size=32):
    for start in range(0, len(indices), batch_size):
        metric.process(None, [samples[i] for i in indices[start : start + batch_size]])
    return metric.evaluate(len(samples))


@pytest.fixture(scope='module')
def expected(cases):
    return {
        name: evaluate(metric(**options), samples, range(COUNT))
        for name, (metric, options, samples) in cases.items()
    }


def sampled(samples):
    """The images of this rank, as mmengine deals them out; some twice, for equal numbers."""
    return list(DefaultSampler(samples, shuffle=False))


def all_to_the_last(samples):
    return range(COUNT) if get_rank() else []


def uneven_and_unordered(samples):
    order = np.random.default_rng(1).permutation(COUNT)
    return order[:100] if get_rank() == 0 else order[100 + get_rank() - 1 :: 2]


@pytest.mark.parametrize(
    ('world_size', 'deal'),
    [
        (2, sampled),
        (3, all_to_the_last),
        (3, uneven_and_unordered),
    ],
)
def test_figures_are_those_of_one_process(world_size, deal, cases, expected):
    def evaluate_all():
        return {
            name: evaluate(metric(**options), samples, deal(samples))
            for name, (metric, options, samples) in cases.items()
        }

    for figures in run_ranks(evaluate_all, world_size):
        assert figures == expected
        assert list(figures['reid']) == list(expected['reid'])


@pytest.mark.parametrize(
    ('metric', 'module', 'function', 'shares'),
    [
        # 600 queries are 3 blocks of 256, 1201 images 5 of them or 3 of 512.
        (ReIDMetric, across_processes, 'rank_matches', [(0, 256), (256, 600)]),
        (RetrievalMetric, retrieval_metric, 'rank_classes', [(0, 256), (256, 600)]),
        (ReIDMetric, reranking, 'nearest_neighbors', [(0, 512), (512, 1201)]),
    ],
)
def test_every_rank_does_its_share(metric, module, function, shares, monkeypatch):
    done = []
    whole = getattr(module, function)

    def remember(*args):
        done.append(args[-2:])
        return whole(*args)

    monkeypatch.setattr(module, function, remember)
    samples = make_images()
    options = {'rerank': {}} if function == 'nearest_neighbors' else {}

    def evaluate_and_tell():
        evaluate(metric(**options), samples, sampled(samples))
        return done

    assert run_ranks(evaluate_and_tell, 2) == [[share] for share in shares]


def test_a_metric_can_be_evaluated_again():
    samples = make_images()

    def evaluate_twice():
        metric = ReIDMetric()
        return [evaluate(metric, samples, sampled(samples)) for _ in range(2)]

    first, second = run_ranks(evaluate_twice, 2)
    assert first == second
    assert first[0] == first[1]


def test_nothing_is_pickled(monkeypatch, expected):
    samples = make_images()

    def refuse(*args, **kwargs):
        raise AssertionError('a result was pickled')

    def evaluate_without_pickle():
        with monkeypatch.context() as patch:
            for module, names in (
                (mmengine.dist, ('collect_results', 'all_gather_object', 'gather_object')),
                (mmengine.dist, ('broadcast_object_list',)),
                (mmengine.evaluator.metric, ('collect_results', 'broadcast_object_list')),
                (torch.distributed, ('all_gather_object', 'gather_object')),
                (torch.distributed, ('broadcast_object_list', 'scatter_object_list')),
                (pickle, ('dumps', 'dump', 'loads', 'load', 'Pickler', 'Unpickler')),
            ):
                for name in names:
                    patch.setattr(module, name, refuse)
            return evaluate(ReIDMetric(), samples, sampled(samples))

    assert run_ranks(evaluate_without_pickle, 2) == [expected['reid']] * 2


def errors_of_all_ranks(samples_of_rank, metric_type=ReIDMetric, world_size=2):
    def evaluate_and_fail():
        samples = samples_of_rank(get_rank())
        with pytest.raises(ReIDError) as caught:
            evaluate(metric_type(), samples, range(len(samples)), batch_size=2)
        return type(caught.value), str(caught.value)

    errors = run_ranks(evaluate_and_fail, world_size, timeout=20)
    assert len(set(errors)) == 1
    return errors[0]


def test_no_rank_has_an_image():
    assert errors_of_all_ranks(lambda rank: [], world_size=3) == (
        DatasetError,
        'nothing to evaluate: the test dataset gave no image',
    )


def test_no_query_has_a_match_in_what_any_rank_holds():
    samples = make_samples(np.eye(6), range(6), ['query'] * 3 + ['gallery'] * 3)
    error, message = errors_of_all_ranks(lambda rank: samples[rank::2])
    assert error is DatasetError
    assert 'none of the 3 queries has a match' in message


def test_two_ranks_hold_different_images_of_one_index():
    def samples_of_rank(rank):
        return make_samples(np.eye(4), [rank, 1, 2, 3], ['query'] * 2 + ['gallery'] * 2)

    error, message = errors_of_all_ranks(samples_of_rank)
    assert error is DatasetError
    assert 'two different images carry sample_idx 0' in message


def test_two_ranks_hold_images_of_one_index_and_different_sets():
    def samples_of_rank(rank):
        samples = make_samples(np.eye(4), range(4), ['query'] * 4)
        for sample in samples:
            sample.set_metainfo({'dataset': f'set {rank}' if sample.sample_idx == 2 else 'one'})
        return samples

    error, message = errors_of_all_ranks(samples_of_rank, RetrievalMetric)
    assert error is DatasetError
    assert 'two different images carry sample_idx 2' in message


def test_embeddings_of_different_lengths():
    def samples_of_rank(rank):
        samples = make_samples(np.ones((4, 3 + rank)), [0] * 4, ['query'] * 4)
        return samples[rank::2]

    error, message = errors_of_all_ranks(samples_of_rank, RetrievalMetric)
    assert error is ReIDError
    assert 'embeddings of 3 and of 4 numbers' in message
