from __future__ import annotations

import torch
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.runner import Runner

from msvitreid.datasets.loading.seeded_loader import seed_everything
from msvitreid.registry import HOOKS


@HOOKS.register_module()
class StepSeedHook(Hook):
    """Seed this process's random numbers before every training step.

    The seed comes from the run's seed, the step and the rank. So erasing and drop path
    differ between ranks, and a resumed run draws what an undisturbed one would: no state
    of a generator has to be saved.
    """

    priority = 'VERY_HIGH'

    def before_train_epoch(self, runner: Runner) -> None:
        self._seed(runner)

    def before_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: object = None
    ) -> None:
        self._seed(runner)

    def before_bn_iter(self, runner: Runner, batch_idx: int) -> None:
        self._seed(runner, batch_idx)

    @staticmethod
    def _seed(runner: Runner, extra: int = 0) -> None:
        seed_everything((runner.seed, runner.iter + extra, get_rank()))
        # Costs nothing where there is no GPU, and no synchronization where there is one.
        torch.cuda.manual_seed_all(torch.initial_seed())
