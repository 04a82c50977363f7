"""Augmentation that depends on the run's seed and the step alone.

mmengine seeds each worker once, when it starts. A resumed run therefore augments otherwise
than an undisturbed one, and so does a run with another number of workers or processes. Here
every image is seeded by itself, from the seed, the epoch, the batch and the image.
"""

from __future__ import annotations

import logging
import random
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any

import numpy as np
import torch
from mmengine.logging import print_log
from torch.utils.data import BatchSampler, DataLoader, Dataset, Sampler, get_worker_info

from msvitreid.utils.cpus import available_cpus


class Draw(int):
    """A dataset index with what seeds its augmentation; it travels to the worker as one."""

    key: tuple[int, ...]

    def __new__(cls, index: int, key: tuple[int, ...]) -> Draw:
        draw = super().__new__(cls, index)
        draw.key = key
        return draw

    def __reduce__(self) -> tuple[Any, ...]:
        return Draw, (int(self), self.key)


class SeededBatches(Sampler[list[int]]):
    """The batches of a batch sampler, made of :class:`Draw`; they can start inside an epoch.

    An index that comes twice in a batch is augmented differently each time. The key names
    no rank: the same image in the same batch is augmented alike for any number of
    processes that share the batch.

    Args:
        batches: batch sampler to take the indices from.
        seed: of the run.
    """

    def __init__(self, batches: BatchSampler, seed: int) -> None:
        self.batches = batches
        self.sampler = batches.sampler
        self.seed = seed
        self.epoch = 0
        self.start = 0

    def set_epoch(self, epoch: int, start: int = 0) -> None:
        """Choose the epoch of the next iteration and the first of its batches to give."""
        self.epoch, self.start = epoch, start
        if hasattr(self.sampler, 'set_epoch'):
            self.sampler.set_epoch(epoch)

    def __len__(self) -> int:
        """Batches of a whole epoch."""
        return len(self.batches)

    def __iter__(self) -> Iterator[list[int]]:
        for number, batch in islice(enumerate(self.batches), self.start, None):
            seen: Counter[int] = Counter()
            draws: list[int] = []
            for index in batch:
                key = (self.seed, self.epoch, number, index, seen[index])
                draws.append(Draw(index, key))
                seen[index] += 1
            yield draws


class SeededDataset(Dataset[Any]):
    """A dataset whose items are made under the random state that their :class:`Draw` names.

    Everything else is the wrapped dataset's.
    """

    def __init__(self, dataset: Dataset[Any]) -> None:
        self.dataset = dataset

    def __getitem__(self, index: int) -> Any:
        if not isinstance(index, Draw):
            return self.dataset[index]
        if get_worker_info() is not None:
            # A worker draws for nothing else, so there is nothing to put back.
            seed_everything(index.key)
            return self.dataset[int(index)]
        with seeded(index.key):
            return self.dataset[int(index)]

    def __len__(self) -> int:
        return len(self.dataset)  # type: ignore[arg-type]

    def __getattr__(self, name: str) -> Any:
        if name == 'dataset':  # not there yet while a worker unpickles this
            raise AttributeError(name)
        return getattr(self.dataset, name)


@contextmanager
def seeded(key: Sequence[int]) -> Iterator[None]:
    """Python's, NumPy's and torch's global random states, seeded and then put back.

    Args:
        key: whole numbers from 0 to ``2**32 - 1``.
    """
    before = random.getstate(), np.random.get_state(), torch.get_rng_state()  # noqa: NPY002
    seed_everything(key)
    try:
        yield
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])  # noqa: NPY002
        torch.set_rng_state(before[2])


def seed_everything(key: Sequence[int]) -> None:
    """Seed Python's, NumPy's and torch's global random states, on the CPU only.

    NumPy's global state is what mmcv's transforms draw from.
    """
    # SeedSequence takes longer to read a tuple.
    words = np.random.SeedSequence(np.array(key, np.uint32)).generate_state(3)
    random.seed(int(words[0]))
    np.random.seed(int(words[1]))  # noqa: NPY002
    torch.default_generator.manual_seed(int(words[2]))


@contextmanager
def own_worker_warning() -> Iterator[None]:
    """A block that builds a loader without torch's two lines on its number of workers.

    :func:`warn_of_many_workers` says the same in a sentence that names the option.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings('ignore', 'This DataLoader will create', UserWarning)
        yield


def warn_of_many_workers(loader: DataLoader[Any]) -> None:
    """Log a warning if the loader starts more processes than there are CPUs for this one."""
    cpus = available_cpus()
    if loader.num_workers > cpus:
        print_log(
            f'num_workers={loader.num_workers} of a loader is more than the {cpus} CPUs that '
            'this process may use, which makes loading slower; lower num_workers',
            'current',
            logging.WARNING,
        )


def with_seeded_draws(loader: DataLoader[Any], seed: int) -> DataLoader[Any]:
    """The same loader with every image's augmentation seeded by itself.

    Its ``batch_sampler`` is a :class:`SeededBatches`, its ``dataset`` a
    :class:`SeededDataset`.
    """
    with own_worker_warning():
        return DataLoader(
            SeededDataset(loader.dataset),
            batch_sampler=SeededBatches(loader.batch_sampler, seed),  # type: ignore[arg-type]
            num_workers=loader.num_workers,
            collate_fn=loader.collate_fn,
            pin_memory=loader.pin_memory,
            timeout=loader.timeout,
            worker_init_fn=loader.worker_init_fn,
            multiprocessing_context=loader.multiprocessing_context,
            generator=loader.generator,
            prefetch_factor=loader.prefetch_factor,
            persistent_workers=loader.persistent_workers,
        )
