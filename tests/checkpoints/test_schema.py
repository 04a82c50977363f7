"""The class: a field of a checkpoint that resuming takes over without looking at it."""

import copy

import pytest
import torch
from mmengine.optim import CosineAnnealingLR, LinearLR, MultiStepLR
from torch import nn

from msvitreid.checkpoints import (
    file_name_of,
    require_optimizer_state,
    require_run_state,
)
from msvitreid.errors import CheckpointError

NAN, INF = float('nan'), float('inf')


def log(values=(1.0, INF), counts=(1.0, 1.0)):
    return [torch.tensor(part, dtype=torch.float64) for part in (values, counts)]


def net():
    torch.manual_seed(0)
    return nn.Linear(3, 2)


def optimizer(kind=torch.optim.SGD, **options):
    options = options or {'momentum': 0.9}
    made = kind(net().parameters(), lr=0.1, **options)
    for weight in made.param_groups[0]['params']:
        weight.grad = torch.ones_like(weight)
    made.step()
    return made


def schedulers():
    made = optimizer()
    return [
        LinearLR(made, end=1),
        CosineAnnealingLR(made, T_max=9),
        MultiStepLR(made, milestones=[3]),
    ]


def sound():
    return {
        'meta': {
            'epoch': 2,
            'iter': 8,
            'seed': 0,
            'batch': 1,
            'batches': 4,
            'dataset_meta': {'num_classes': 6},
            'optimizer': 'SGD',
            'param_schedulers': ['LinearLR'],
        },
        'message_hub': {
            'log_scalars': {'train/loss': log(), 'train/amp_skipped': log((0.0, 3.0))},
            'runtime_info': {
                'best_ckpt': '/elsewhere/best_mAP_epoch_1.pth',
                'best_score': 0.5,
                'keep_ckpt_ids': [1, 2],
                'last_ckpt': '/elsewhere/epoch_2.pth',
                'of another hook': [torch.zeros(2)],
            },
            'resumed_keys': {},
        },
        'optimizer': {
            **optimizer().state_dict(),
            'loss_scaler': torch.amp.GradScaler('cpu').state_dict(),
        },
        'param_schedulers': [scheduler.state_dict() for scheduler in schedulers()],
        'weight_average': {'count': 2, 'average': {'a': torch.zeros(2)}},
        'unreadable_images': ['a.jpg'],
    }


LOSS, SKIPPED = (
    'message_hub log_scalars train:loss',
    'message_hub log_scalars train:amp_skipped',
)
FAULTS = [
    ('meta', None),
    ('meta experiment', {'a': '1', 2: '3'}),
    ('meta experiment', [3]),
    ('meta experiment', {f'k{number}': '1' for number in range(10_001)}),
    ('meta epoch', -1),
    ('meta epoch', 10**30),
    ('meta epoch', 2.0),
    ('meta epoch', True),
    ('meta iter', -(10**6)),
    ('meta iter', torch.tensor(3)),
    ('meta seed', 'abc'),
    ('meta seed', -1),
    ('meta seed', 2**32),
    ('meta batch', 5),
    ('meta batch', 0),
    ('meta batches', '4'),
    ('meta batches', 0),
    ('meta dataset_meta', 6),
    ('meta dataset_meta num_classes', 'six'),
    ('meta dataset_meta num_classes', 0),
    ('meta optimizer', 3),
    ('meta param_schedulers', 'LinearLR'),
    ('meta param_schedulers', [1]),
    ('message_hub', []),
    ('message_hub log_scalars', []),
    (LOSS, torch.zeros(2)),
    (LOSS, log()[:1]),
    (LOSS, [[1.0], [1.0]]),
    (LOSS, log((1.0,))),
    (LOSS, log((), ())),
    (LOSS, log(((1.0,), (2.0,)))),
    (LOSS, [torch.zeros(2, dtype=torch.complex64)] * 2),
    (LOSS, log(counts=(0.0, 1.0))),
    (LOSS, log(counts=(NAN, 1.0))),
    (SKIPPED, log((0.0, NAN))),
    (SKIPPED, log((0.0, -1.0))),
    ('message_hub runtime_info', 'x'),
    ('message_hub runtime_info best_ckpt', 3),
    ('message_hub runtime_info best_ckpt', '/home'),
    ('message_hub runtime_info best_ckpt', 'epoch_2.pth'),
    ('message_hub runtime_info best_ckpt', 'best_\0'),
    ('message_hub runtime_info best_ckpt_mAP', '../..'),
    ('message_hub runtime_info best_score', 'high'),
    ('message_hub runtime_info best_score', NAN),
    ('message_hub runtime_info keep_ckpt_ids', 3),
    ('message_hub runtime_info keep_ckpt_ids', ['/../../x']),
    ('message_hub runtime_info last_ckpt', 3),
    ('message_hub runtime_info epoch', 'x'),
    ('optimizer', None),
    ('optimizer state', []),
    ('optimizer state', {'a': {}}),
    ('optimizer state', {0: torch.zeros(2)}),
    ('optimizer param_groups', {}),
    ('optimizer param_groups', [{}]),
    ('optimizer param_groups', [{'params': ['a']}]),
    ('optimizer loss_scaler', {'scale': 65536.0}),
    ('optimizer loss_scaler', 3),
    ('optimizer loss_scaler scale', 0.0),
    ('optimizer loss_scaler scale', INF),
    ('optimizer loss_scaler scale', 1e-300),
    ('optimizer loss_scaler scale', 1e300),
    ('optimizer loss_scaler _growth_tracker', 'x'),
    ('optimizer loss_scaler _growth_tracker', 2**31),
    ('optimizer base_param_settings', 'x'),
    ('optimizer base_param_settings', {'params': [0]}),
    ('param_schedulers', 'x'),
    ('param_schedulers', [3]),
    ('message_hub runtime_info last_validation', 'x'),
    ('message_hub runtime_info last_validation', {'unit': 'epoch', 'number': 1}),
    ('weight_average', []),
    ('weight_average', {'count': 2}),
    ('weight_average count', 0),
    ('weight_average count', 2.5),
    ('weight_average average', [torch.zeros(2)]),
    ('weight_average average', {'a': torch.tensor([1.0, NAN])}),
    ('weight_average average', {'a': torch.zeros(2, dtype=torch.int64)}),
    ('weight_average average', {'a': 'x'}),
    ('ema_state_dict', 3),
    ('unreadable_images', 'a.jpg'),
    ('unreadable_images', [3]),
]


def test_a_sound_state_passes():
    require_run_state(sound(), 'a.pth')


@pytest.mark.parametrize(
    ('path', 'value'),
    FAULTS,
    ids=[f'{path}-{number}' for number, (path, _) in enumerate(FAULTS)],
)
def test_every_malformed_field_is_named(path, value):
    """Of 15 malformed fields 12 ended in tracebacks of torch or mmengine."""
    checkpoint = sound()
    *parents, last = [key.replace(':', '/') for key in path.split()]
    inner = checkpoint
    for key in parents:
        inner = inner[key]
    inner[last] = value
    name = '.'.join([*parents, last]).replace('.', r'\.')
    with pytest.raises(CheckpointError, match=rf"'a\.pth' .*{name}") as caught:
        require_run_state(checkpoint, 'a.pth')
    assert len(str(caught.value)) < 400


def test_a_batch_needs_the_number_of_batches():
    checkpoint = sound()
    del checkpoint['meta']['batches']
    with pytest.raises(CheckpointError, match=r"meta is .* key 'batches'"):
        require_run_state(checkpoint, 'a.pth')


def test_file_names():
    assert file_name_of('/a/b/best_x.pth') == 'best_x.pth'
    assert file_name_of(r'C:\a\best_x.pth') == 'best_x.pth'
    assert file_name_of('a/..') == '..'
    assert file_name_of('') == ''


# --- against the run's own optimizer --------------------------------------------------------


@pytest.mark.parametrize('kind', [torch.optim.SGD, torch.optim.AdamW])
def test_an_own_state_passes(kind):
    own = optimizer(kind, weight_decay=0.1)
    state = copy.deepcopy(own.state_dict())
    require_optimizer_state(own, state, 'a.pth')


@pytest.mark.parametrize(
    ('index', 'name', 'value'),
    [
        (0, 'exp_avg', torch.zeros(3, 2)),
        (0, 'exp_avg', torch.full((2, 3), NAN)),
        (0, 'exp_avg', torch.zeros(2, 3, dtype=torch.int64)),
        (1, 'exp_avg_sq', 'x'),
        (1, 'exp_avg_sq', torch.zeros(2).to_sparse()),
        (0, 'step', 'x'),
        (0, 'step', torch.tensor(NAN)),
        (0, 'step', torch.zeros(2)),
        (0, 'step', -1),
        (7, 'step', 3),
    ],
)
def test_states_of_weights(index, name, value):
    own = optimizer(torch.optim.AdamW, weight_decay=0.1)
    state = copy.deepcopy(own.state_dict())
    state['state'].setdefault(index, {})[name] = value
    with pytest.raises(CheckpointError, match=r"'a\.pth' .*optimizer\.state"):
        require_optimizer_state(own, state, 'a.pth')


def test_a_momentum_of_another_shape():
    own = optimizer()
    state = copy.deepcopy(own.state_dict())
    state['state'][1]['momentum_buffer'] = torch.zeros(3)
    with pytest.raises(CheckpointError, match=r'state\.1\.momentum_buffer .* shape \(2,\)'):
        require_optimizer_state(own, state, 'a.pth')


def test_a_group_of_the_same_weight_twice():
    own = optimizer()
    state = copy.deepcopy(own.state_dict())
    state['param_groups'][0]['params'] = [0, 0]
    with pytest.raises(CheckpointError, match=r'optimizer\.param_groups'):
        require_optimizer_state(own, state, 'a.pth')


def test_adam_needs_its_moments():
    own = optimizer(torch.optim.AdamW, weight_decay=0.1)
    state = copy.deepcopy(own.state_dict())
    del state['state'][1]['exp_avg_sq']
    with pytest.raises(CheckpointError, match=r"optimizer\.state\.1 .* 'exp_avg_sq'"):
        require_optimizer_state(own, state, 'a.pth')
