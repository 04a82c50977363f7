from __future__ import annotations

import logging
import random
import warnings
from collections import Counter

import numpy as np
import pytest
import torch
from torch.utils.data import BatchSampler, DataLoader, Dataset

from msvitreid.datasets.loading.seeded_loader import (
    own_worker_warning,
    seed_everything,
    seeded,
    warn_of_many_workers,
    with_seeded_draws,
)


class Drawn(Dataset):
    """Every item is its index and one draw of each generator."""

    metainfo = {'num_classes': 3}

    def __len__(self):
        return 6

    def __getitem__(self, index):
        draws = random.random(), np.random.rand(), torch.rand(1).item()  # noqa: NPY002
        return torch.tensor([index, *draws], dtype=torch.float64)


class Epochs:
    """Indices that depend on the epoch; index 3 comes twice."""

    epoch = 0

    def set_epoch(self, epoch):
        self.epoch = epoch

    def __iter__(self):
        return iter([(i + self.epoch) % 6 for i in (0, 1, 3, 3, 4, 5)])

    def __len__(self):
        return 6


def loader(size=2, seed=7, **options):
    batches = BatchSampler(Epochs(), batch_size=size, drop_last=True)
    return with_seeded_draws(DataLoader(Drawn(), batch_sampler=batches, **options), seed)


def epoch(loader, number, start=0):
    loader.batch_sampler.set_epoch(number, start)
    return torch.stack(list(loader))


def test_draws_do_not_depend_on_workers_or_what_was_drawn_before():
    alone = epoch(loader(), 1)
    torch.rand(5)
    workers = loader(num_workers=2, persistent_workers=True)
    epoch(workers, 0)
    assert torch.equal(epoch(workers, 1), alone)


def test_an_epoch_goes_on_at_any_batch():
    whole = epoch(loader(), 4)
    assert torch.equal(epoch(loader(), 4, start=2), whole[2:])
    assert len(loader()) == 3


def test_images_epochs_seeds_and_repeats_draw_differently():
    draws = [
        tuple(item[1:].tolist())
        for number in (0, 1)
        for seed in (7, 8)
        for item in epoch(loader(seed=seed), number).flatten(0, 1)
    ]
    assert Counter(draws).most_common(1)[0][1] == 1


def test_two_halves_of_a_batch_draw_as_the_whole():
    """As on two ranks: the batch's number is the same, and a repeat lies on its image's rank."""
    first = epoch(loader(size=6), 0)[0]
    halves = with_seeded_draws(
        DataLoader(Drawn(), batch_sampler=BatchSampler([0, 1, 3, 3], 4, drop_last=True)), 7
    )
    assert torch.equal(next(iter(halves)), first[:4])


def test_the_process_own_draws_go_on():
    def draws():
        return random.random(), np.random.rand(), torch.rand(1).item()  # noqa: NPY002

    def start():
        random.seed(1)
        np.random.seed(1)  # noqa: NPY002
        torch.manual_seed(1)

    start()
    expected = draws()
    start()
    with seeded((1, 2)):
        assert draws() != expected
    assert draws() == expected


@pytest.mark.parametrize(
    ('key', 'expected'),
    [
        ((7, 0, 3, 12345, 1), (3074664362, 990891098, 2248728654)),
        ((2**32 - 1, 0), (2762369525, 1593008393, 3255730584)),
    ],
)
def test_a_key_gives_the_draws_of_earlier_versions(key, expected):
    """Or a resumed run would augment otherwise than before.

    Of torch the seed, as what torch draws by it is not the same in all versions.
    """
    with seeded(()):
        seed_everything(key)
        drawn = random.getrandbits(32), np.random.randint(2**31), torch.initial_seed()  # noqa: NPY002
    assert tuple(map(int, drawn)) == expected


def test_the_wrapped_dataset_shows_through():
    dataset = loader().dataset
    assert dataset.metainfo == {'num_classes': 3}
    assert len(dataset) == 6
    assert dataset[2][0] == 2
    with pytest.raises(AttributeError, match='labels'):
        dataset.labels  # noqa: B018


def test_too_many_workers_are_one_sentence_that_names_the_option(monkeypatch):
    """Warnings of other libraries, of several lines, in place of a sentence of ours."""
    logged = []
    monkeypatch.setattr(
        'msvitreid.datasets.loading.seeded_loader.print_log',
        lambda *given: logged.append(given),
    )
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter('always')
        with own_worker_warning():
            many = DataLoader(Drawn(), num_workers=500)
            warnings.warn('something else', UserWarning, stacklevel=1)
        many = with_seeded_draws(many, 7)
        DataLoader(Drawn(), num_workers=500)
    # What others build or warn of is left alone.
    assert [str(warning.message)[:16] for warning in warned] == [
        'something else',
        'This DataLoader ',
    ]
    warn_of_many_workers(many)
    warn_of_many_workers(loader())
    ((sentence, _, level),) = logged
    assert 'num_workers=500' in sentence
    assert level == logging.WARNING
