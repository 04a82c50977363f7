import copy
import json
from pathlib import Path

import pytest

from msvitreid.engine import load_config
from msvitreid.engine.summary.learning_rates import learning_rates
from tests.engine.tiny_run import build_runner, tiny_config

ROOT = Path(__file__).parents[3]
GOLDEN = json.loads((ROOT / 'tests' / 'golden' / 'lr_schedule.json').read_text())


@pytest.fixture
def about_to_train(market, tmp_path):
    """A runner with loop, optimizer and schedulers built, as before the first step."""

    def build(param_scheduler=None, **changes):
        cfg = tiny_config(market, tmp_path / 'run', **changes)
        if param_scheduler is not None:
            cfg.param_scheduler = param_scheduler
        runner = build_runner(cfg)
        runner._train_loop = runner.build_train_loop(runner._train_loop)
        runner.optim_wrapper = runner.build_optim_wrapper(runner.optim_wrapper)
        if runner.param_schedulers is not None:
            runner.param_schedulers = runner.build_param_scheduler(runner.param_schedulers)
        return runner

    return build


def states(runner):
    groups = [
        {key: value for key, value in group.items() if key != 'params'}
        for group in runner.optim_wrapper.optimizer.param_groups
    ]
    return copy.deepcopy((groups, [s.state_dict() for s in runner.param_schedulers]))


def test_the_published_curve_at_any_moment_and_the_run_untouched(about_to_train):
    schedule = load_config(ROOT / 'configs' / '_base_' / 'schedules' / 'sgd_5-75.py')
    runner = about_to_train(schedule.param_scheduler, **{'train_cfg.max_epochs': 100})
    golden = GOLDEN['warmup5_total75_extra25']
    before = states(runner)
    assert learning_rates(runner) == pytest.approx(golden, abs=1e-9)
    assert states(runner) == before
    # As in a resumed run: nine epochs on.
    runner.optim_wrapper.step()
    for _ in range(9):
        for scheduler in runner.param_schedulers:
            scheduler.step()
    assert runner.optim_wrapper.get_lr()['lr'] == pytest.approx([golden[9]])
    assert learning_rates(runner) == pytest.approx(golden, abs=1e-9)


def test_without_a_scheduler_the_rate_is_constant(about_to_train):
    assert learning_rates(about_to_train()) == [0.05] * 3


def test_a_warm_up_by_steps(about_to_train):
    """Four steps an epoch: the factor rises from 1/4 by 1/4 a step, then the rate stays."""
    warm_up = dict(type='LinearLR', start_factor=0.25, by_epoch=False, begin=0, end=4)
    rates = learning_rates(about_to_train([warm_up], **{'train_cfg.max_epochs': 2}))
    assert rates == pytest.approx([0.05 * f for f in (1 / 4, 1 / 2, 3 / 4, 1, 1, 1, 1, 1)])


def test_a_warm_up_in_epochs_that_is_converted_to_steps(about_to_train):
    warm_up = dict(type='LinearLR', start_factor=0.25, end=1, convert_to_iter_based=True)
    rates = learning_rates(about_to_train([warm_up], **{'train_cfg.max_epochs': 2}))
    assert rates == pytest.approx([0.05 * f for f in (1 / 4, 1 / 2, 3 / 4, 1, 1, 1, 1, 1)])


def test_steps_instead_of_epochs(about_to_train):
    loop = dict(_delete_=True, type='IterBasedTrainLoop', max_iters=6, val_interval=6)
    decay = dict(type='StepLR', step_size=2, gamma=0.1, by_epoch=False)
    runner = about_to_train([decay], train_cfg=loop, custom_hooks=[])
    rates = learning_rates(runner)
    assert rates == pytest.approx([0.05, 0.05, 0.005, 0.005, 0.0005, 0.0005])


def test_the_group_of_the_highest_rate_is_shown(about_to_train):
    wrapper = {'optim_wrapper.paramwise_cfg': dict(custom_keys=dict(head=dict(lr_mult=10)))}
    halving = dict(type='StepLR', step_size=1, gamma=0.5)
    rates = learning_rates(about_to_train([halving], **wrapper))
    assert rates == pytest.approx([0.5, 0.25, 0.125])


def test_a_momentum_leaves_the_rate(about_to_train):
    given = [dict(type='ConstantMomentum', factor=0.5, begin=0, end=2)]
    assert learning_rates(about_to_train(given)) == [0.05] * 3


def test_a_rate_that_follows_validation_is_not_known(about_to_train):
    given = [dict(type='ReduceOnPlateauLR', monitor='mAP', rule='greater')]
    assert learning_rates(about_to_train(given)) is None


def test_too_many_steps_are_not_gone_through(about_to_train):
    endless = dict(type='CosineAnnealingLR', by_epoch=False, T_max=10**9, end=10**9)
    runner = about_to_train([endless], **{'train_cfg.max_epochs': 10**6})
    assert learning_rates(runner) is None
