from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import numpy as np
from mmengine.dataset import BaseDataset
from mmengine.dist import get_dist_info, sync_random_seed
from mmengine.logging import print_log
from torch.utils.data import Sampler

from msvitreid.errors import ConfigError
from msvitreid.registry import DATA_SAMPLERS
from msvitreid.utils.checks import require_whole


@DATA_SAMPLERS.register_module()
class IdentitySampler(Sampler[Any]):
    """Batches of P identities with K images each ("PK sampling").

    An epoch is ``max(1, images // (identities * K))`` rounds, or as many as ``min_batches``
    needs. A round visits every identity once, in random order, and draws K of its images:
    without replacement where it has K, else with. Batches are cut from the running sequence of
    rounds; an incomplete last one is dropped. Where a batch straddles two rounds, the later
    round is ordered so that the batch still holds P distinct identities.

    On several ranks the sequence is drawn for the global batch of ``P * world_size``
    distinct identities, and each rank takes its contiguous part: two ranks with batch
    size B see the batches that one rank sees with 2B.

    The order depends on the seed and the epoch alone.

    Args:
        dataset: Has ``labels``, the class index of each of its images, ``(N,)``.
        batch_size: Images of a batch on one rank; the data loader's ``batch_size``
            must be the same number.
        num_instances: K, images of one identity in a batch.
        seed: The same on every rank; ``None`` draws one and shares it.
        rank: This process's rank; ``None`` asks mmengine.
        world_size: Number of processes; ``None`` asks mmengine.
        min_batches: Batches of an epoch at least, so that a schedule of so many epochs has
            enough steps for a small dataset; 0: as many as the images fill.
        adapt: Where the dataset has fewer than P identities, lower P, and raise K so that the
            batch keeps its size; a warning says so. ``False`` refuses such a dataset.

    Raises:
        ConfigError: ``batch_size`` is not a multiple of ``num_instances``, the dataset
            has no ``labels``, or has fewer identities than a global batch needs, with ``adapt``
            fewer than two.
    """

    def __init__(
        self,
        dataset: BaseDataset,
        batch_size: int,
        num_instances: int = 4,
        seed: int | None = None,
        rank: int | None = None,
        world_size: int | None = None,
        *,
        min_batches: int = 0,
        adapt: bool = False,
    ) -> None:
        require_whole('IdentitySampler: batch_size', batch_size, 1)
        require_whole('IdentitySampler: num_instances', num_instances, 1)
        require_whole('IdentitySampler: min_batches', min_batches, 0)
        if not isinstance(adapt, bool):
            raise ConfigError(f'IdentitySampler: adapt must be True or False, got {adapt!r}')
        if seed is not None:
            require_whole('IdentitySampler: seed', seed, 0)
        if batch_size % num_instances:
            raise ConfigError(
                f'IdentitySampler: batch_size {batch_size} is not a positive multiple of '
                f'num_instances {num_instances}; a batch holds batch_size / num_instances '
                'identities, so change one of the two options'
            )
        if not hasattr(dataset, 'labels'):
            raise ConfigError(
                f'IdentitySampler: the dataset {type(dataset).__name__} has no `labels`; '
                'give it a ReIDDataset with split="train"'
            )
        dist_rank, dist_world_size = get_dist_info()
        self.rank = dist_rank if rank is None else rank
        self.world_size = dist_world_size if world_size is None else world_size
        self.batch_size = batch_size
        self.num_instances = num_instances
        self.seed = sync_random_seed() if seed is None else seed
        self.epoch = 0

        labels = np.asarray(dataset.labels)
        _, self._identity_of, self._images_of = np.unique(
            labels, return_inverse=True, return_counts=True
        )
        num_identities = len(self._images_of)
        if adapt:
            self.num_instances = self._adapted_instances(num_identities)
        self._identities_per_batch = batch_size // self.num_instances * self.world_size
        if num_identities < self._identities_per_batch:
            raise ConfigError(
                f'IdentitySampler: the dataset has {num_identities} identities but a batch '
                f'needs {self._identities_per_batch} (batch_size {batch_size} / num_instances '
                f'{self.num_instances} on {self.world_size} rank(s)); lower batch_size or raise '
                'num_instances'
            )
        filled = max(1, len(labels) // (num_identities * self.num_instances))
        needed = -(-min_batches * self._identities_per_batch // num_identities)
        self._num_rounds = max(filled, needed)
        self._num_batches = max(
            min_batches, filled * num_identities // self._identities_per_batch
        )

    def _adapted_instances(self, num_identities: int) -> int:
        """K for which the batch has at most so many identities, with a warning if it differs."""
        shared = num_identities // self.world_size
        fitting = [
            count
            for count in range(1, self.batch_size // self.num_instances + 1)
            if self.batch_size % count == 0 and count <= shared
        ]
        if not fitting or fitting[-1] * self.world_size < 2:
            raise ConfigError(
                f'IdentitySampler: the dataset has {num_identities} identities, of which no '
                f'batch of {self.batch_size} images on {self.world_size} rank(s) can be made '
                'that has at least two; add identities or choose an even batch_size'
            )
        wanted, count = self.batch_size // self.num_instances, fitting[-1]
        if count < wanted:
            print_log(
                f'the training set has {num_identities} identities, too few for batches of '
                f'{wanted} identities x {self.num_instances} images: a batch has {count} '
                f'identities x {self.batch_size // count} images instead',
                'current',
                logging.WARNING,
            )
        return self.batch_size // count

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose order the next iteration yields."""
        self.epoch = epoch

    def __len__(self) -> int:
        """Images this rank sees in an epoch."""
        return self._num_batches * self.batch_size

    def __iter__(self) -> Iterator[int]:
        """Dataset indices of this rank, batch after batch, grouped by identity."""
        rng = np.random.default_rng([self.seed, self.epoch])
        rounds: list[np.ndarray] = []
        identities = np.empty(0, dtype=np.int64)
        for _ in range(self._num_rounds):
            num_open = len(identities) % self._identities_per_batch
            order = self._draw_order(rng, identities[len(identities) - num_open :])
            identities = np.concatenate([identities, order])
            rounds.append(self._draw_images(rng)[order])
        images = np.concatenate(rounds)[: self._num_batches * self._identities_per_batch]
        # (batch, rank, image): a rank's share of a global batch is contiguous.
        shares = images.reshape(self._num_batches, self.world_size, self.batch_size)
        return iter(shares[:, self.rank].ravel().tolist())

    def _draw_order(self, rng: np.random.Generator, open_batch: np.ndarray) -> np.ndarray:
        """A random order of all identities that fills ``open_batch`` up with others."""
        order = rng.permutation(len(self._images_of))
        if not len(open_batch):
            return order
        fitting = np.flatnonzero(~np.isin(order, open_batch))
        filling = fitting[: self._identities_per_batch - len(open_batch)]
        return np.concatenate([order[filling], np.delete(order, filling)])

    def _draw_images(self, rng: np.random.Generator) -> np.ndarray:
        """K images of every identity, ``(identities, K)`` dataset indices."""
        # Images sorted by identity, shuffled within each: its first K are a draw
        # without replacement.
        shuffled = np.lexsort((rng.random(len(self._identity_of)), self._identity_of))
        ends = np.cumsum(self._images_of)
        offsets = np.tile(np.arange(self.num_instances), (len(ends), 1))
        scarce = np.flatnonzero(self._images_of < self.num_instances)
        offsets[scarce] = rng.integers(
            self._images_of[scarce, None], size=(len(scarce), self.num_instances)
        )
        return shuffled[(ends - self._images_of)[:, None] + offsets]
