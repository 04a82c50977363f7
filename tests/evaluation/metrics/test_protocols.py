"""Each protocol's figures equal an evaluation in plain Python, written from its definition.

Nothing here uses the package's functions or another test's oracle. Features are small integers,
so that similarities are exact and often equal; there are unmatched queries, distractors, identities
with one image, and images that are exact copies of others.
"""

from __future__ import annotations

import numpy as np
import pytest

from msvitreid.evaluation import RandomGalleryMetric, ReIDMetric, RetrievalMetric
from msvitreid.evaluation.metrics import random_gallery_metric

from .samples import make_samples

SEEDS = range(25)


def random_images(seed, count=36):
    """Features, pids and camids; the last two images are copies of the first two."""
    rng = np.random.default_rng(seed)
    features = rng.integers(-1, 2, (count, 3)).tolist()
    pids = rng.integers(1, 9, count).tolist()
    camids = rng.integers(1, 4, count).tolist()
    pids[4], pids[5] = 50, 51  # identities with one image
    features[-2:], pids[-2:], camids[-2:] = features[:2], pids[:2], camids[:2]
    return features, pids, camids


def evaluate(metric, features, pids, splits, camids=None):
    samples = make_samples(features, pids, splits, camids)
    for start in range(0, len(samples), 7):
        metric.process(None, samples[start : start + 7])
    return metric.evaluate(len(samples))


def ranking(features, searcher, candidates):
    """Candidates by falling inner product, of equal ones the first in the dataset first."""

    def key(candidate):
        product = sum(
            a * b for a, b in zip(features[searcher], features[candidate], strict=True)
        )
        return -product, candidate

    return sorted(candidates, key=key)


def average_precision(hits, ap):
    """``hits``: whether each image of a ranking is a match, best first."""
    total, found = 0.0, 0
    for rank, hit in enumerate(hits, start=1):
        if not hit:
            continue
        before = 1.0 if rank == 1 else found / (rank - 1)
        found += 1
        at_hit = found / rank
        total += at_hit if ap == 'plain' else (before + at_hit) / 2
    return total / found


def mean(values):
    return sum(values) / len(values)


def market_figures(features, pids, camids, queries, gallery, ap, topk):
    """Mean figures over the queries that have a match, None where no query has one."""
    precisions, penalties, first_ranks = [], [], []
    for query in queries:
        ranked = [
            pids[image] == pids[query]
            for image in ranking(features, query, gallery)
            if not (pids[image] == pids[query] and camids[image] == camids[query])
        ]
        if True not in ranked:
            continue
        precisions.append(average_precision(ranked, ap))
        last = len(ranked) - ranked[::-1].index(True)
        penalties.append(sum(ranked) / last)
        first_ranks.append(ranked.index(True) + 1)
    figures = {'mAP': mean(precisions), 'mINP': mean(penalties)}
    return figures | {f'rank-{k}': mean([rank <= k for rank in first_ranks]) for k in topk}


@pytest.mark.parametrize('seed', SEEDS)
@pytest.mark.parametrize('ap', ['trapezoid', 'plain'])
def test_market_rule(ap, seed):
    features, pids, camids = random_images(seed)
    pids[6], pids[7] = 50, 60  # query 6 finds nothing but gallery image 4; query 7 nothing
    queries = [index for index in range(36) if index % 3 == 0 or index == 7]
    gallery = [index for index in range(36) if index not in queries]
    splits = ['query' if index in queries else 'gallery' for index in range(36)]
    expected = market_figures(features, pids, camids, queries, gallery, ap, (1, 5, 10))
    assert evaluate(ReIDMetric(ap=ap), features, pids, splits, camids) == pytest.approx(
        expected
    )


@pytest.mark.parametrize('seed', SEEDS)
def test_search_without_cameras(seed):
    """P-DukeMTMC, Occluded-REID, University-1652: nothing is left out."""
    features, pids, _ = random_images(seed)
    splits = ['query'] * 12 + ['gallery'] * 24
    # Cameras that never agree leave nothing out either.
    expected = market_figures(
        features, pids, range(36), range(12), range(12, 36), 'trapezoid', (1, 5, 10)
    )
    assert evaluate(ReIDMetric(), features, pids, splits) == pytest.approx(expected)


def recall(features, pids, searchers, candidates, k):
    found = 0
    for searcher in searchers:
        others = [index for index in candidates if index != searcher]
        best = ranking(features, searcher, others)[:k]
        found += any(pids[index] == pids[searcher] for index in best)
    return found / len(searchers)


@pytest.mark.parametrize('seed', SEEDS)
@pytest.mark.parametrize('topk', [(1, 2, 4, 8), (1, 10, 100, 1000)])
def test_self_retrieval_leaves_out_the_image_itself(topk, seed):
    features, pids, _ = random_images(seed)
    metrics = evaluate(RetrievalMetric(topk=topk, nmi=False), features, pids, ['query'] * 36)
    assert metrics == pytest.approx(
        {f'recall@{k}': recall(features, pids, range(36), range(36), k) for k in topk}
    )


def test_a_copy_of_the_query_is_found():
    """Leaving out the first of a ranking instead of the image itself would lose the copy."""
    features, pids = [[2, 0], [0, 2], [2, 0], [0, 2]], [1, 2, 1, 3]
    metrics = evaluate(RetrievalMetric(topk=(1,), nmi=False), features, pids, ['query'] * 4)
    assert metrics == {'recall@1': 0.5}


@pytest.mark.parametrize('seed', SEEDS)
def test_query_and_gallery_retrieval(seed):
    features, pids, _ = random_images(seed)
    splits = ['gallery'] * 20 + ['query'] * 16
    topk = (1, 10, 20, 30)
    metrics = evaluate(RetrievalMetric(topk=topk, nmi=False), features, pids, splits)
    assert metrics == pytest.approx(
        {f'recall@{k}': recall(features, pids, range(20, 36), range(20), k) for k in topk}
    )


@pytest.mark.parametrize('seed', SEEDS)
@pytest.mark.parametrize('ap', ['trapezoid', 'plain'])
def test_random_galleries(ap, seed, monkeypatch):
    features, pids, camids = random_images(seed)
    drawn = []

    def remember(*args):
        drawn.append(random_gallery(*args))
        return drawn[-1]

    random_gallery = random_gallery_metric.random_gallery
    monkeypatch.setattr(random_gallery_metric, 'random_gallery', remember)
    metric = RandomGalleryMetric(draws=4, seed=seed, ap=ap, topk=(1, 2, 5))
    metrics = evaluate(metric, features, pids, ['query'] * 36, camids)

    galleries = [np.flatnonzero(draw).tolist() for draw in drawn]
    assert len({tuple(gallery) for gallery in galleries}) > 1
    figures = []
    for gallery in galleries:
        assert sorted(pids[index] for index in gallery) == sorted(set(pids))
        queries = [index for index in range(36) if index not in gallery]
        figures.append(
            market_figures(features, pids, range(36), queries, gallery, ap, (1, 2, 5))
        )
    expected = {}
    for name in ('mAP', 'rank-1', 'rank-2', 'rank-5'):
        values = [draw[name] for draw in figures]
        expected[name] = mean(values)
        squares = [(value - mean(values)) ** 2 for value in values]
        expected[f'{name}-std'] = mean(squares) ** 0.5
    assert metrics == pytest.approx(expected)
