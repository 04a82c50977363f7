import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from msvitreid.engine import load_config
from msvitreid.registry import HOOKS, OPTIM_WRAPPERS, OPTIMIZERS, PARAM_SCHEDULERS

from .leaves import CONFIGS

GOLDEN = json.loads((Path(__file__).parents[1] / 'golden' / 'lr_schedule.json').read_text())

# Schedule, name of its curve, first epoch whose weights are averaged, number of them.
SCHEDULES = [
    ('sgd_5-75', 'warmup5_total75_extra25', 60, 41),
    ('sgd_5-45', 'warmup5_total45_extra25', 36, 35),
]


def load_schedule(name):
    return load_config(CONFIGS / '_base_' / 'schedules' / f'{name}.py')


def learning_rates(cfg):
    """What the runner's schedulers give, one number an epoch."""
    optimizer = OPTIMIZERS.build(
        {**cfg.optim_wrapper.optimizer, 'params': [nn.Parameter(torch.zeros(1))]}
    )
    wrapper = OPTIM_WRAPPERS.build(dict(type=cfg.optim_wrapper.type, optimizer=optimizer))
    schedulers = [
        PARAM_SCHEDULERS.build({**scheduler, 'optimizer': wrapper})
        for scheduler in cfg.param_scheduler
    ]
    rates = []
    for _ in range(cfg.train_cfg.max_epochs):
        rates.append(optimizer.param_groups[0]['lr'])
        wrapper.step()
        for scheduler in schedulers:
            assert scheduler.by_epoch
            scheduler.step()
    return rates


@pytest.mark.parametrize(('name', 'curve'), [row[:2] for row in SCHEDULES])
def test_learning_rate_of_every_epoch_is_the_published_one(name, curve):
    rates = learning_rates(load_schedule(name))
    assert len(rates) == len(GOLDEN[curve])
    assert rates == pytest.approx(GOLDEN[curve], rel=0, abs=1e-9)


@pytest.mark.parametrize('name', ['sgd_5-75', 'sgd_5-45'])
def test_another_learning_rate_scales_the_curve(name):
    cfg = load_schedule(name)
    published = learning_rates(cfg)
    cfg.optim_wrapper.optimizer.lr = 0.001
    assert learning_rates(cfg) == pytest.approx([rate / 50 for rate in published], abs=1e-9)


@pytest.mark.parametrize(('name', 'begin', 'count'), [(n, b, c) for n, _, b, c in SCHEDULES])
def test_the_flat_tail_is_averaged(name, begin, count):
    cfg = load_schedule(name)
    (hook,) = (HOOKS.build(hook) for hook in cfg.custom_hooks)
    counts = [0]
    model = nn.Linear(1, 1)
    for epoch in range(cfg.train_cfg.max_epochs):
        hook.after_train_epoch(SimpleNamespace(epoch=epoch, model=model))
        counts.append(hook.count)
    assert counts[begin - 1 : begin + 1] == [0, 1]
    assert counts[-1] == count
    tail = learning_rates(cfg)[begin - 1 :]
    assert len(tail) == count
    assert len(set(tail)) == 1
