"""ReIDMetric of sets whose queries are searched themselves."""

from __future__ import annotations

import numpy as np
import pytest

from msvitreid.errors import ConfigError, DatasetError
from msvitreid.evaluation import ReIDMetric
from msvitreid.evaluation.functional import (
    expand_queries,
    k_reciprocal_rerank,
    rank_metrics,
    rank_metrics_from_similarity,
)
from msvitreid.evaluation.metrics.embeddings import NO_FILE, file_id

from .samples import make_samples

NAMES = ('mAP', 'mINP', 'rank-1', 'rank-5', 'rank-10')


def images(seed=0, count=50):
    rng = np.random.default_rng(seed)
    pids = rng.permutation(count) % 8
    features = rng.normal(size=(8, 6))[pids] + rng.normal(size=(count, 6))
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    return features.astype(np.float32), pids


def evaluate(samples, **options):
    metric = ReIDMetric(self_retrieval=True, **options)
    for start in range(0, len(samples), 16):
        metric.process(None, samples[start : start + 16])
    return metric.evaluate(len(samples))


def samples_of(features, pids, splits, paths):
    samples = make_samples(features, pids, splits)
    for sample, path in zip(samples, paths, strict=True):
        sample.set_metainfo({'img_path': path})
    return samples


def expected(features, pids, queries, **options):
    """Of queries that search all images, themselves left out."""
    metrics = rank_metrics(
        features[queries], features, pids[queries], pids, self_index=queries, **options
    )
    return {name: metrics[name] for name in NAMES}


def test_queries_only():
    features, pids = images()
    metrics = evaluate(make_samples(features, pids, ['query'] * 50))
    assert metrics == pytest.approx(expected(features, pids, np.arange(50)))


def test_queries_only_without_paths():
    features, pids = images()
    samples = make_samples(features, pids, ['query'] * 50)
    for sample in samples:
        sample.set_metainfo({'img_path': None})
    assert evaluate(samples) == pytest.approx(expected(features, pids, np.arange(50)))


@pytest.mark.parametrize('in_gallery', ['all', 'some', 'none'])
def test_distractors_around(in_gallery):
    """However the set lists them, a query searches all other images, each of them once."""
    features, pids = images(1)
    queries = np.arange(20)
    repeated = {'all': queries, 'some': queries[::2], 'none': queries[:0]}[in_gallery]
    gallery = np.concatenate([repeated, np.arange(20, 50)])
    listed = np.concatenate([queries, gallery])
    samples = samples_of(
        features[listed],
        pids[listed],
        ['query'] * 20 + ['gallery'] * len(gallery),
        [f'{image}.jpg' for image in listed],
    )
    assert evaluate(samples) == pytest.approx(expected(features, pids, queries))


def test_without_the_option_a_query_finds_itself():
    features, pids = images(1)
    listed = np.concatenate([np.arange(20), np.arange(50)])
    splits, paths = ['query'] * 20 + ['gallery'] * 50, [f'{image}.jpg' for image in listed]
    metric = ReIDMetric()
    metric.process(None, samples_of(features[listed], pids[listed], splits, paths))
    assert metric.evaluate(70)['rank-1'] == 1.0


def test_re_ranked_and_expanded():
    features, pids = images(2)
    queries = np.arange(15)
    samples = make_samples(features, pids, ['query'] * 15 + ['gallery'] * 35)
    metrics = evaluate(samples, rerank={'k1': 5, 'k2': 2}, query_expansion={'k': 3})
    options = {'self_index': queries}
    distances = k_reciprocal_rerank(features[:15], features, 5, 2, **options)
    reranked = rank_metrics_from_similarity(-distances, pids[:15], pids, **options)
    queries = expand_queries(features[:15], features, 3, 3.0, **options)
    expanded = rank_metrics(queries, features, pids[:15], pids, **options)
    for name in NAMES:
        assert metrics[f'{name}-rerank'] == pytest.approx(reranked[name])
        assert metrics[f'{name}-qe'] == pytest.approx(expanded[name])


def test_one_path_twice_as_a_query_is_one_image():
    features, pids = images(3)
    listed = [*range(50), 4]
    paths = [f'{image}.jpg' for image in listed]
    samples = samples_of(features[listed], pids[listed], ['query'] * 51, paths)
    assert evaluate(samples) == pytest.approx(expected(features, pids, np.array(listed)))


def test_a_gallery_without_paths():
    samples = make_samples(np.eye(4), [0, 0, 1, 1], ['query'] * 2 + ['gallery'] * 2)
    samples[3].set_metainfo({'img_path': None})
    with pytest.raises(DatasetError, match='img_path'):
        evaluate(samples)


def test_one_path_of_two_identities():
    samples = samples_of(np.eye(3), [0, 1, 0], ['query'] * 3, ['a', 'a', 'b'])
    with pytest.raises(DatasetError, match='have one path, but pids 0 and 1'):
        evaluate(samples)


def test_gallery_images_only():
    with pytest.raises(DatasetError, match="none of split 'query'"):
        evaluate(make_samples(np.eye(4), [0, 0, 1, 1], ['gallery'] * 4))


def test_it_is_a_switch():
    from msvitreid.registry import METRICS

    with pytest.raises(ConfigError, match='self_retrieval'):
        METRICS.build({'type': 'ReIDMetric', 'self_retrieval': 'yes'})


def test_numbers_of_paths():
    assert file_id(None) == file_id('') == NO_FILE
    assert len({file_id('a'), file_id('b'), file_id('a/b'), file_id('\udcff'), NO_FILE}) == 5
    assert file_id('a') == file_id('a')
