"""The class: options of optimizer and schedulers that a resumed run takes from the file unseen."""

import copy
from collections import Counter

import pytest
import torch
from mmengine.optim import (
    ConstantMomentum,
    CosineAnnealingLR,
    LinearLR,
    MultiStepLR,
    OneCycleLR,
    OptimWrapper,
    ReduceOnPlateauLR,
    StepLR,
)
from torch import nn

from msvitreid.checkpoints import option_differences, require_scheduled_values
from msvitreid.errors import CheckpointError

NAN, INF = float('nan'), float('inf')
META = {'epoch': 3, 'iter': 12}


class Custom(StepLR):
    """Of a stranger, with a field that its steps change."""

    def __init__(self, *args, floor=0.0, **kwargs):
        self.floor = floor
        self.seen = 0
        super().__init__(*args, **kwargs)

    def step(self):
        self.seen += 1
        super().step()


def run(kind=torch.optim.SGD, steps=3, **options):
    """An optimizer's wrapper and schedulers after a few epochs, and after none."""
    options = options or {'momentum': 0.9}
    net = nn.Linear(3, 2)
    groups = [{'params': [net.weight]}, {'params': [net.bias], 'weight_decay': 0.5}]
    wrapper = OptimWrapper(kind(groups, lr=0.1, **options))
    schedulers = [
        LinearLR(wrapper, start_factor=0.5, end=2),
        CosineAnnealingLR(wrapper, T_max=9),
        MultiStepLR(wrapper, milestones=[3]),
        ReduceOnPlateauLR(wrapper, monitor='mAP', rule='greater'),
        Custom(wrapper, step_size=2, by_epoch=False),
    ]
    wrapper._global_step = 0
    for step in range(steps):
        for scheduler in schedulers:
            scheduler.step()
        schedulers[3].step({'mAP': 0.5 - step})
    return wrapper, schedulers


def saved(*run):
    wrapper, schedulers = run
    return copy.deepcopy((wrapper.state_dict(), [s.state_dict() for s in schedulers]))


def compare(own, state, states, meta=META):
    wrapper, schedulers = own
    require_scheduled_values(wrapper.param_groups, state, schedulers, states, meta, 'a.pth')
    found = option_differences(wrapper.param_groups, state, schedulers, states)
    return [tuple(difference) for difference in found]


@pytest.mark.parametrize('kind', [torch.optim.SGD, torch.optim.AdamW])
def test_the_own_state_of_a_later_epoch_is_no_difference(kind):
    state, states = saved(*run(kind, weight_decay=0.1))
    assert state['base_param_settings']['lr'] != 0.1
    assert compare(run(kind, steps=0, weight_decay=0.1), state, states) == []


@pytest.mark.parametrize(
    ('name', 'value', 'texts'),
    [
        ('maximize', True, ('True', 'False')),
        ('differentiable', True, ('True', 'False')),
        ('momentum', 5.0, ('5.0', '0.9')),
        ('momentum', None, ('None', '0.9')),
        ('nesterov', 3, ('3', 'False')),
        ('nesterov', 0, ('0', 'False')),
        ('weight_decay', 'x', ("'x'", '0')),
        ('initial_lr', 1e300, ('1e+300', '0.1')),
    ],
)
@pytest.mark.parametrize('base', [False, True])
def test_options_that_nothing_schedules(name, value, texts, base):
    """Torch trained upward with ``maximize``, or ended in a RuntimeError."""
    state, states = saved(*run())
    group = state['base_param_settings'] if base else state['param_groups'][0]
    group[name] = value
    path = f'optimizer.param_groups.{2 if base else 0}.{name}'
    assert compare(run(steps=0), state, states) == [(path, *texts)]


def test_an_option_of_many_groups_is_named_once():
    state, states = saved(*run())
    for group in state['param_groups']:
        group['dampening'] = 0.5
    (difference,) = compare(run(steps=0), state, states)
    assert difference == ('optimizer.param_groups.0.dampening', '0.5', '0')


def test_missing_options():
    state, states = saved(*run())
    for name in ('momentum', 'maximize', 'foreach'):
        del state['param_groups'][0][name]
    assert compare(run(steps=0), state, states) == [
        ('optimizer.param_groups.0.momentum', 'not set', '0.9')
    ]


@pytest.mark.parametrize('value', [1e300, 3.5e38, -0.1, INF, NAN, 'x', None])
def test_scheduled_values_have_a_range(value):
    state, states = saved(*run())
    state['param_groups'][1]['lr'] = value
    with pytest.raises(CheckpointError, match=r"'a\.pth' .*optimizer\.param_groups\.1\.lr"):
        compare(run(steps=0), state, states)
    del state['param_groups'][1]['lr']
    with pytest.raises(CheckpointError, match=r"optimizer\.param_groups\.1 .*'lr'"):
        compare(run(steps=0), state, states)


@pytest.mark.parametrize('kind', [torch.optim.SGD, torch.optim.AdamW])
def test_scheduled_momentum_may_differ(kind):
    own = run(kind, steps=0, weight_decay=0.1)
    own[1].append(ConstantMomentum(own[0], factor=0.5, end=2))
    state, states = saved(*own)
    values = (
        {'momentum': 0.7, 'betas': (0.7, 0.999)}
        if 'Adam' in kind.__name__
        else {'momentum': 0.7}
    )
    state['param_groups'][0].update(values)
    assert compare(own, state, states) == []


@pytest.mark.parametrize(
    ('index', 'name', 'value', 'texts'),
    [
        (0, 'param_name', 'momentum', ("'momentum'", "'lr'")),
        (0, 'by_epoch', False, ('False', 'True')),
        (0, 'begin', 50, ('50', '0')),
        (0, 'total_iters', 7, ('7', '1')),
        (1, 'base_values', [0.2] * 3, ('[0.2, 0.2, 0.2]', '[0.1, 0.1, 0.1]')),
        (1, 'base_values', [0.1], ('[0.1]', '[0.1, 0.1, 0.1]')),
        (1, 'T_max', None, ('None', '9')),
        (2, 'milestones', [3], ('[3]', 'a Counter')),
        (2, 'milestones', Counter([4]), ('a Counter', 'a Counter')),
        (3, 'patience', 1, ('1', '10')),
        (3, 'rule', 'less', ("'less'", "'greater'")),
        (4, 'floor', 0.5, ('0.5', '0.0')),
        (4, 'step_size', 3, ('3', '2')),
    ],
)
def test_options_of_schedulers(index, name, value, texts):
    state, states = saved(*run())
    assert name in states[index]
    states[index][name] = value
    path = f'param_schedulers.{index}.{name}'
    assert compare(run(steps=0), state, states) == [(path, *texts)]


@pytest.mark.parametrize(
    ('index', 'name', 'value'),
    [
        (0, 'last_step', 'x'),
        (0, 'last_step', 1.5),
        (0, 'last_step', 4),
        (0, '_global_step', -2),
        (0, '_global_step', 10**9),
        (4, '_global_step', 13),
        (1, '_last_value', [NAN] * 3),
        (1, '_last_value', [1e300] * 3),
        (3, 'best', 'x'),
        (3, 'num_bad_epochs', None),
        (0, 'step', 'a method'),
        (0, 'optimizer', None),
    ],
)
def test_states_of_schedulers(index, name, value):
    state, states = saved(*run())
    states[index][name] = value
    with pytest.raises(CheckpointError, match=rf"'a\.pth' .*param_schedulers\.{index}"):
        compare(run(steps=0), state, states)


def test_a_missing_value_of_a_scheduler():
    state, states = saved(*run())
    del states[0]['last_step']
    with pytest.raises(CheckpointError, match=r"param_schedulers\.0 .* 'last_step'"):
        compare(run(steps=0), state, states)


def test_methods_are_no_state():
    wrapper, _ = own = run(steps=0)
    own[1].append(OneCycleLR(wrapper, eta_max=0.1, total_steps=20))
    state, states = saved(*own)
    del states[-1]['anneal_func']
    assert compare(own, state, states) == []


def test_options_of_the_loss_scaler():
    wrapper, schedulers = run(steps=0)
    state, states = saved(wrapper, schedulers)
    own = torch.amp.GradScaler('cpu').state_dict()
    state['loss_scaler'] = {**own, 'growth_interval': 7, 'scale': 2.0}
    (difference,) = option_differences(wrapper.param_groups, state, schedulers, states, own)
    assert difference == ('optimizer.loss_scaler.growth_interval', '7', '2000')
