from __future__ import annotations

import random

import numpy as np
import torch
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.runner import Runner

from msvitreid.registry import HOOKS


@HOOKS.register_module()
class EpochSeedHook(Hook):
    """Seed this process's random numbers anew before every training epoch.

    The seed comes from the run's seed, the epoch and the rank. So erasing and drop path
    differ between ranks, and a resumed run neither repeats the draws of its first epoch
    nor differs, in this process, from a run that was never interrupted.
    """

    priority = 'VERY_HIGH'

    def before_train_epoch(self, runner: Runner) -> None:
        sequence = np.random.SeedSequence([runner.seed, runner.epoch, get_rank()])
        seed = int(sequence.generate_state(1)[0])
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002 -- the global state that mmcv's transforms use
        torch.manual_seed(seed)
