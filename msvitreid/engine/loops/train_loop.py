from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from mmengine.runner import EpochBasedTrainLoop, Runner
from torch.utils.data import DataLoader

from msvitreid.datasets.loading.seeded_loader import SeededBatches, with_seeded_draws
from msvitreid.registry import LOOPS


@LOOPS.register_module()
class ResumableTrainLoop(EpochBasedTrainLoop):
    """mmengine's loop over epochs, whose epochs can be taken up in the middle.

    Every image's augmentation is seeded by the run's seed and the step, so an epoch taken
    up at batch ``start`` goes on as if it had never been left. Windows of gradient
    accumulation end with the epoch: no gradient is pending in a checkpoint of its end.

    The arguments are those of mmengine's ``EpochBasedTrainLoop``.
    """

    def __init__(
        self,
        runner: Runner,
        dataloader: DataLoader[Any] | Mapping[str, Any],
        max_epochs: int,
        **kwargs: Any,
    ) -> None:
        super().__init__(runner, dataloader, max_epochs, **kwargs)
        self.dataloader: DataLoader[Any] = with_seeded_draws(self.dataloader, runner.seed)
        self._batches = cast(SeededBatches, self.dataloader.batch_sampler)
        self.start = 0

    def reseed(self, seed: int) -> None:
        """Draw from another seed than the one that the loop was built with."""
        sampler: Any = self._batches.sampler
        # One that has a seed of its own in the config keeps it.
        if getattr(sampler, 'seed', None) == self._batches.seed:
            sampler.seed = seed
        self._batches.seed = seed

    def run_epoch(self) -> None:
        """Iterate one epoch, from batch ``start`` on, which is 0 for all but a resumed one."""
        self.runner.call_hook('before_train_epoch')
        self.runner.model.train()
        start, self.start = self.start, 0
        self._batches.set_epoch(self._epoch, start)
        self.runner.optim_wrapper.initialize_count_status(
            self.runner.model, start, len(self.dataloader)
        )
        for index, batch in enumerate(self.dataloader, start):
            self.run_iter(index, batch)
        self.runner.call_hook('after_train_epoch')
        self._epoch += 1
