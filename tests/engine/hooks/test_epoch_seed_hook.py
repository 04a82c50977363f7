import random

import numpy as np
import torch
from mmengine.dist import utils as dist_utils

from msvitreid.engine import EpochSeedHook
from msvitreid.engine.hooks import epoch_seed_hook


class Run:
    seed = 7

    def __init__(self, epoch):
        self.epoch = epoch


def draws(epoch):
    EpochSeedHook().before_train_epoch(Run(epoch))
    return random.random(), np.random.rand(), torch.rand(1).item()  # noqa: NPY002


def test_an_epoch_has_its_draws_whenever_it_is_run():
    first, second = draws(0), draws(1)
    assert draws(0) == first
    assert all(a != b for a, b in zip(first, second, strict=True))


def test_ranks_draw_differently(monkeypatch):
    first = draws(0)
    assert dist_utils.get_rank() == 0
    monkeypatch.setattr(epoch_seed_hook, 'get_rank', lambda: 1)
    assert all(a != b for a, b in zip(first, draws(0), strict=True))
