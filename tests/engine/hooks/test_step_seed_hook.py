import random

import numpy as np
import torch
from mmengine.dist import utils as dist_utils

from msvitreid.engine.hooks import StepSeedHook, step_seed_hook


class Run:
    seed = 7

    def __init__(self, iteration):
        self.iter = iteration


def draws(iteration):
    StepSeedHook().before_train_iter(Run(iteration), batch_idx=0)
    return random.random(), np.random.rand(), torch.rand(1).item()  # noqa: NPY002


def test_a_step_has_its_draws_whenever_it_is_run():
    first, second = draws(0), draws(1)
    assert draws(0) == first
    assert all(a != b for a, b in zip(first, second, strict=True))


def test_ranks_draw_differently(monkeypatch):
    first = draws(0)
    assert dist_utils.get_rank() == 0
    monkeypatch.setattr(step_seed_hook, 'get_rank', lambda: 1)
    assert all(a != b for a, b in zip(first, draws(0), strict=True))
