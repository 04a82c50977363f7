from __future__ import annotations

from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.data import DataLoader

from msvitreid.datasets import IdentitySampler
from msvitreid.datasets.samplers import identity_sampler
from msvitreid.errors import ConfigError
from msvitreid.registry import DATA_SAMPLERS


def labeled(counts, rng=None):
    """A dataset whose identity i has ``counts[i]`` images, shuffled when ``rng`` is given."""
    labels = np.repeat(np.arange(len(counts)), counts)
    if rng is not None:
        rng.shuffle(labels)
    return SimpleNamespace(labels=labels)


@st.composite
def settings_of_samplers(draw):
    """Random label sets (gaps in the labels too) and batches that they can fill."""
    counts = draw(st.lists(st.integers(1, 12), min_size=1, max_size=25))
    identities = draw(st.integers(1, len(counts)))
    num_instances = draw(st.integers(1, 6))
    seed = draw(st.integers(0, 2**31))
    dataset = labeled(counts, np.random.default_rng(seed))
    dataset.labels = dataset.labels * draw(st.integers(1, 3))
    return dataset, identities, num_instances, seed


def batches_of(sampler):
    order = np.array(list(sampler))
    return order.reshape(-1, sampler.batch_size)


@settings(max_examples=300, deadline=None)
@given(settings_of_samplers(), st.integers(0, 5))
def test_batches_rounds_and_length(case, epoch):
    dataset, identities_per_batch, num_instances, seed = case
    labels = dataset.labels
    sampler = IdentitySampler(
        dataset, identities_per_batch * num_instances, num_instances, seed=seed
    )
    sampler.set_epoch(epoch)
    batches = batches_of(sampler)

    num_identities = len(set(labels.tolist()))
    rounds = max(1, len(labels) // (num_identities * num_instances))
    visits = rounds * num_identities
    assert len(batches) == visits // identities_per_batch
    assert len(sampler) == batches.size

    for batch in batches:
        assert sorted(Counter(labels[batch].tolist()).values()) == (
            [num_instances] * identities_per_batch
        )

    images_of = Counter(labels.tolist())
    groups = batches.reshape(-1, num_instances)
    for group in groups:
        (label,) = set(labels[group].tolist())
        if images_of[label] >= num_instances:
            assert len(set(group.tolist())) == num_instances

    visited = labels[groups[:, 0]]
    for start in range(0, visits, num_identities):
        in_round = visited[start : start + num_identities].tolist()
        assert len(in_round) == len(set(in_round))
        if start + num_identities <= len(visited):
            assert len(in_round) == num_identities


@settings(max_examples=100, deadline=None)
@given(settings_of_samplers(), st.integers(2, 3))
def test_ranks_share_the_batches_of_one_large_rank(case, world_size):
    dataset, identities, num_instances, seed = case
    num_identities = len(set(dataset.labels.tolist()))
    identities = min(identities, num_identities // world_size)
    if not identities:
        return
    batch_size = identities * num_instances
    alone = IdentitySampler(dataset, batch_size * world_size, num_instances, seed=seed)
    ranks = [
        IdentitySampler(dataset, batch_size, num_instances, seed, rank, world_size)
        for rank in range(world_size)
    ]
    assert [len(sampler) * world_size for sampler in ranks] == [len(alone)] * world_size
    together = np.concatenate([batches_of(sampler) for sampler in ranks], axis=1)
    assert np.array_equal(together, batches_of(alone))


def test_same_seed_same_order_and_every_epoch_another():
    dataset = labeled([6] * 10)

    def order(seed, epoch):
        sampler = IdentitySampler(dataset, 24, 4, seed=seed)
        sampler.set_epoch(epoch)
        return list(sampler)

    assert order(3, 2) == order(3, 2)
    orders = [tuple(order(seed, epoch)) for seed in (3, 4) for epoch in range(4)]
    assert len(set(orders)) == 8
    # seed 3 in epoch 1 is not seed 4 in epoch 0
    assert order(3, 1) != order(4, 0)


def test_iterating_does_not_advance_the_order():
    sampler = IdentitySampler(labeled([6] * 10), 24, 4, seed=0)
    assert list(sampler) == list(sampler)


def test_global_random_state_is_neither_read_nor_changed():
    sampler = IdentitySampler(labeled([6] * 10), 24, 4, seed=0)
    np.random.seed(1)  # noqa: NPY002
    first, drawn = list(sampler), np.random.random()  # noqa: NPY002
    np.random.seed(2)  # noqa: NPY002
    assert list(sampler) == first
    np.random.seed(1)  # noqa: NPY002
    assert np.random.random() == drawn  # noqa: NPY002


def test_seven_identities_in_batches_of_five_straddle_every_round():
    # 7 identities x 3 rounds = 21 visits = 4 batches of 5 and one visit dropped.
    dataset = labeled([8] * 7)
    for seed in range(50):
        sampler = IdentitySampler(dataset, 10, 2, seed=seed)
        assert len(sampler) == 28 // 5 * 10
        for batch in batches_of(sampler):
            assert len(set(dataset.labels[batch].tolist())) == 5


def test_identities_and_images_are_drawn_uniformly():
    dataset = labeled([2, 3, 4, 5])
    seen, first = Counter(), Counter()
    for seed in range(3000):
        order = list(IdentitySampler(dataset, 9, 3, seed=seed))
        seen.update(order)
        first[int(dataset.labels[order[0]])] += 1
    # One round of 4 identities, 3 in the batch: an identity's 3 draws fall on each of its
    # images alike; 5 standard deviations of a binomial count are the margin.
    for count, images in ((2, range(2)), (3, range(2, 5)), (4, range(5, 9)), (5, range(9, 14))):
        expected = 3000 * 3 / 4 * 3 / count
        assert all(abs(seen[image] - expected) < 5 * expected**0.5 for image in images)
    assert all(abs(first[identity] - 750) < 5 * 750**0.5 for identity in range(4))


def test_scarce_identity_repeats_and_abundant_one_does_not():
    dataset = labeled([1, 4])
    images = list(IdentitySampler(dataset, 8, 4, seed=0))
    assert images.count(0) == 4
    assert sorted(set(images)) == [0, 1, 2, 3, 4]


def test_one_round_when_images_are_few():
    assert len(IdentitySampler(labeled([1] * 6), 12, 4, seed=0)) == 24


def test_data_loader_cuts_the_batches():
    dataset = labeled([5] * 6)
    sampler = IdentitySampler(dataset, 8, 4, seed=0)
    loader = DataLoader(list(range(30)), batch_size=8, sampler=sampler)
    batches = [batch.tolist() for batch in loader]
    assert batches == batches_of(sampler).tolist()
    assert len(loader) == len(batches) == 3


def test_built_as_the_runner_builds_it():
    sampler = DATA_SAMPLERS.build(
        {'type': 'IdentitySampler', 'batch_size': 8, 'num_instances': 2},
        default_args={'dataset': labeled([5] * 6), 'seed': None},
    )
    assert isinstance(sampler, IdentitySampler)
    assert isinstance(sampler.seed, int)
    assert (sampler.rank, sampler.world_size) == (0, 1)


@pytest.mark.parametrize(('batch_size', 'num_instances'), [(10, 4), (3, 4)])
def test_indivisible_batch_is_named(batch_size, num_instances):
    with pytest.raises(
        ConfigError, match=f'batch_size {batch_size} .*num_instances {num_instances}'
    ):
        IdentitySampler(labeled([5] * 6), batch_size, num_instances, seed=0)


@pytest.mark.parametrize(
    ('option', 'value'),
    [
        ('batch_size', 0),
        ('batch_size', None),
        ('num_instances', 0),
        ('num_instances', None),
        ('seed', 'a'),
        ('seed', -1),
    ],
)
def test_what_is_no_number_of_that_kind(option, value):
    options = {'batch_size': 8, 'num_instances': 2, 'seed': 0, option: value}
    with pytest.raises(ConfigError, match=option):
        IdentitySampler(labeled([5] * 6), **options)


def test_too_few_identities_are_named():
    with pytest.raises(ConfigError, match=r'5 identities .* 6 .*batch_size 24'):
        IdentitySampler(labeled([9] * 5), 24, 4, seed=0)
    with pytest.raises(ConfigError, match=r'11 identities .* 12 .* 2 rank'):
        IdentitySampler(labeled([9] * 11), 24, 4, seed=0, rank=0, world_size=2)


def test_dataset_without_labels_is_named():
    with pytest.raises(ConfigError, match='dataset list has no `labels`'):
        IdentitySampler([1, 2, 3], 4, 2, seed=0)


@pytest.mark.parametrize(
    ('identities', 'expected'),
    [(2, (2, 12)), (3, (3, 8)), (5, (4, 6)), (6, (6, 4)), (44, (6, 4))],
)
def test_few_identities_are_taken_with_more_images_each(identities, expected):
    """A small dataset ended in an error: batches of 24 = 6 x 4 need 6 identities."""
    sampler = IdentitySampler(labeled([9] * identities), 24, 4, adapt=True, seed=0)
    count, instances = expected
    assert sampler.num_instances == instances
    for batch in batches_of(sampler):
        counts = Counter((batch // 9).tolist())
        assert sorted(counts.values()) == [instances] * count


def test_a_sentence_says_that_batches_were_adapted(monkeypatch):
    said = []
    monkeypatch.setattr(identity_sampler, 'print_log', lambda text, *_: said.append(text))
    IdentitySampler(labeled([9] * 6), 24, 4, adapt=True, seed=0)
    assert said == []
    IdentitySampler(labeled([9] * 5), 24, 4, adapt=True, seed=0)
    (sentence,) = said
    assert '5 identities' in sentence
    assert '4 identities x 6 images' in sentence


@pytest.mark.parametrize(('identities', 'batch'), [(1, 24), (4, 25)])
def test_batches_that_cannot_be_adapted(identities, batch):
    with pytest.raises(ConfigError, match='identities'):
        IdentitySampler(labeled([9] * identities), batch, batch // 5 or 1, adapt=True, seed=0)


@settings(max_examples=60, deadline=None)
@given(settings_of_samplers(), st.integers(0, 60), st.integers(1, 3))
def test_an_epoch_has_a_least_number_of_steps(case, least, world_size):
    """The schedule of 30 epochs was 880 steps for 704 images, and for 70 images 60."""
    dataset, identities, num_instances, seed = case
    batch = identities * num_instances
    if len(set(dataset.labels.tolist())) < identities * world_size:
        return
    rest = dict(seed=seed, rank=0, world_size=world_size)
    natural = len(IdentitySampler(dataset, batch, num_instances, **rest))
    sampler = IdentitySampler(dataset, batch, num_instances, min_batches=least, **rest)
    assert len(sampler) == max(natural, least * batch)
    batches = batches_of(sampler)
    assert len(batches) * batch == len(sampler)
    for images in batches:
        assert len(set(dataset.labels[images].tolist())) == identities


@pytest.mark.parametrize('option', [{'min_batches': -1}, {'min_batches': 1.5}, {'adapt': 1}])
def test_bad_options_for_small_data(option):
    with pytest.raises(ConfigError, match=next(iter(option))):
        IdentitySampler(labeled([4] * 6), 24, 4, seed=0, **option)
