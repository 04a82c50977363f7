"""``IdentitySampler(num_instances=1)``: every identity equally often, one image at a time."""

from collections import Counter
from types import SimpleNamespace

import numpy as np

from msvitreid.datasets import IdentitySampler

COUNTS = [1, 4, 16, 3, 6]


def labeled():
    return SimpleNamespace(labels=np.repeat(np.arange(5), COUNTS))


def test_every_identity_is_drawn_equally_often():
    sampler = IdentitySampler(labeled(), batch_size=5, num_instances=1, seed=0)
    order = list(sampler)
    # 30 images of 5 identities: 6 rounds.
    assert Counter(labeled().labels[order].tolist()) == dict.fromkeys(range(5), 6)


def test_every_image_of_an_identity_is_drawn_alike():
    sampler = IdentitySampler(labeled(), batch_size=5, num_instances=1, seed=0)
    drawn = Counter()
    for epoch in range(500):
        sampler.set_epoch(epoch)
        drawn.update(list(sampler))
    # 3000 draws an identity; 5 standard deviations of a binomial count are the margin.
    for image, label in enumerate(labeled().labels):
        expected = 3000 / COUNTS[label]
        assert abs(drawn[image] - expected) <= 5 * expected**0.5


def test_two_ranks_share_the_batches_of_one_and_a_batch_holds_no_pair():
    ranks = [
        list(IdentitySampler(labeled(), 2, 1, seed=3, rank=rank, world_size=2))
        for rank in (0, 1)
    ]
    alone = list(IdentitySampler(labeled(), 4, 1, seed=3))
    assert np.hstack([np.reshape(r, (-1, 2)) for r in ranks]).ravel().tolist() == alone
    for batch in np.reshape(alone, (-1, 4)):
        assert len(set(labeled().labels[batch].tolist())) == 4
