import shutil
from typing import ClassVar

import pytest
import torch
from mmengine.hooks import Hook

from msvitreid.errors import CheckpointError
from msvitreid.registry import HOOKS
from tests.engine.tiny_run import build_runner, tiny_config


def one_epoch(market, work_dir, **changes):
    cfg = tiny_config(market, work_dir, **{'train_cfg.max_epochs': 1, **changes})
    cfg.custom_hooks = []
    for key in ('val_dataloader', 'val_cfg', 'val_evaluator'):
        cfg[key] = None
    cfg.param_scheduler = [
        dict(type='LinearLR', end=1),
        dict(type='CosineAnnealingLR', T_max=9),
    ]
    return cfg


@pytest.fixture(scope='module')
def trained(market, tmp_path_factory):
    work_dir = tmp_path_factory.mktemp('runs') / 'trained'
    build_runner(one_epoch(market, work_dir)).train()
    return work_dir / 'epoch_1.pth'


@pytest.fixture
def resume(market, tmp_path):
    """Resume a finished run, which trains nothing, with a changed config."""

    def resume(checkpoint, change=lambda cfg: None, **changes):
        cfg = one_epoch(market, tmp_path, resume=True, load_from=str(checkpoint), **changes)
        change(cfg)
        runner = build_runner(cfg)
        runner.train()
        return runner

    return resume


@pytest.fixture(scope='module')
def unrecorded(trained):
    """A checkpoint of an earlier version, which did not record its run's options."""
    checkpoint = torch.load(trained, weights_only=True)
    del checkpoint['meta']['experiment']
    torch.save(checkpoint, trained.with_name('unrecorded.pth'))
    return trained.with_name('unrecorded.pth')


def test_the_types_are_in_the_metadata(trained):
    meta = torch.load(trained, weights_only=True)['meta']
    assert meta['optimizer'] == 'SGD'
    assert meta['param_schedulers'] == ['LinearLR', 'CosineAnnealingLR']


def test_an_unchanged_run_goes_on(resume, trained):
    assert resume(trained).epoch == 1


def adamw(cfg):
    cfg.optim_wrapper.optimizer = dict(type='AdamW', lr=0.1)


def group_per_weight(cfg):
    cfg.optim_wrapper.paramwise_cfg = dict(bias_decay_mult=0.0)


def fewer_schedulers(cfg):
    cfg.param_scheduler = cfg.param_scheduler[:1]


def other_schedulers(cfg):
    cfg.param_scheduler = [cfg.param_scheduler[0], dict(type='ExponentialLR', gamma=0.9)]


@pytest.mark.parametrize(
    ('change', 'sentence'),
    [
        (adamw, r'its optimizer is SGD and the config has AdamW'),
        (group_per_weight, r'it has 1 parameter group and the config makes \d+'),
        (fewer_schedulers, r'it has 2 param_scheduler and the config has 1'),
        (
            other_schedulers,
            r'its param_scheduler are LinearLR, CosineAnnealingLR and the config has LinearLR, '
            r'ExponentialLR',
        ),
    ],
)
def test_states_that_do_not_fit_are_refused(resume, unrecorded, change, sentence):
    with pytest.raises(CheckpointError, match=rf'recorded\.pth.*: {sentence};'):
        resume(unrecorded, change)


def test_all_differences_are_in_one_sentence(resume, trained):
    def change(cfg):
        adamw(cfg)
        fewer_schedulers(cfg)

    with pytest.raises(CheckpointError) as error:
        resume(trained, change)
    assert "optim_wrapper.optimizer.type was 'SGD' and is 'AdamW'" in str(error.value)
    assert 'param_scheduler.1.T_max was 9 and is not set' in str(error.value)
    assert '--accept-changes' in str(error.value)


def test_what_cannot_be_taken_over_cannot_be_accepted(resume, trained):
    with pytest.raises(CheckpointError, match=r'optimizer .*SGD .*AdamW'):
        resume(trained, adamw, accept_changes=True)


def test_a_checkpoint_without_a_record_is_a_warning(resume, unrecorded, capsys):
    resume(unrecorded, log_level='WARNING')
    assert capsys.readouterr().out.count('does not record the options') == 1


def test_without_a_record_the_state_itself_is_compared(resume, unrecorded):
    lr = {'optim_wrapper.optimizer.lr': 0.01}
    with pytest.raises(CheckpointError, match=r'\.initial_lr was 0\.05 and is 0\.01'):
        resume(unrecorded, **lr)
    runner = resume(unrecorded, accept_changes=True, **lr)
    assert runner.optim_wrapper.param_groups[0]['initial_lr'] == 0.01


def renamed(market, root):
    """The data with their first identity under another number: all labels shift."""
    shutil.copytree(market, root)
    folder = next(root.glob('*/bounding_box_train'))
    for path in folder.glob('0002_*'):
        path.rename(folder / f'9{path.name[1:]}')
    return root


def moved_to(root):
    return lambda cfg: cfg.merge_from_dict(dict(data_root=str(root)))


def test_other_identities_are_refused_though_as_many(resume, trained, market, tmp_path):
    """Data of another run with the same number of classes went on silently."""
    moved = moved_to(renamed(market, tmp_path / 'data'))
    with pytest.raises(CheckpointError) as error:
        resume(trained, moved)
    assert 'training data.identities was 6 (sha256 ' in str(error.value)
    assert 'training data.images was ' in str(error.value)
    assert resume(trained, moved, accept_changes=['training data']).epoch == 1


def test_the_data_may_lie_elsewhere_and_be_read_otherwise(resume, trained, market, tmp_path):
    shutil.copytree(market, tmp_path / 'moved')
    changes = {
        'train_dataloader.num_workers': 1,
        'default_hooks.logger.interval': 7,
        'default_hooks.checkpoint.interval': 2,
    }
    assert resume(trained, moved_to(tmp_path / 'moved'), **changes).epoch == 1


@HOOKS.register_module(force=True)
class FirstGroup(Hook):
    """Keeps the parameter group of the first step, and that of the last."""

    groups: ClassVar[list] = []

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        group = runner.optim_wrapper.param_groups[0]
        self.groups.append({key: value for key, value in group.items() if key != 'params'})


ACCEPTED = [
    ({'optim_wrapper.optimizer.lr': 0.02}, {'lr': 0.002, 'initial_lr': 0.02}),
    ({'param_scheduler.0.milestones': [2]}, {'lr': 0.05, 'initial_lr': 0.05}),
    ({'param_scheduler.0.gamma': 0.5}, {'lr': 0.025}),
    (
        {'optim_wrapper.optimizer.weight_decay': 0.1, 'optim_wrapper.optimizer.momentum': 0.5},
        {'lr': 0.005, 'weight_decay': 0.1, 'momentum': 0.5},
    ),
    # An epoch of four steps, and a schedule by steps in place of one by epochs.
    (
        {'param_scheduler': [dict(type='StepLR', step_size=2, gamma=0.1, by_epoch=False)]},
        {'lr': 5e-4},
    ),
]


@pytest.mark.parametrize(('changes', 'expected'), ACCEPTED, ids=lambda v: next(iter(v)))
def test_accepted_values_hold_from_the_next_step_on(
    market, tmp_path, stepped, changes, expected
):
    """The checkpoint's learning rate, weight decay and schedule won over the config's."""
    cfg = one_epoch(market, tmp_path, **{'train_cfg.max_epochs': 2})
    cfg.param_scheduler = [dict(type='MultiStepLR', milestones=[1])]
    cfg.merge_from_dict(changes)
    cfg.merge_from_dict(dict(resume=True, load_from=str(stepped), accept_changes=True))
    cfg.custom_hooks = [dict(type='FirstGroup')]
    FirstGroup.groups.clear()
    build_runner(cfg).train()
    assert len(FirstGroup.groups) == 4
    assert {key: FirstGroup.groups[0][key] for key in expected} == pytest.approx(expected)


@pytest.mark.parametrize(
    ('path', 'value'),
    [
        ('meta iter', 10**12),
        ('optimizer param_groups 0 maximize', True),
        ('optimizer param_groups 0 momentum', 5.0),
        ('optimizer param_groups 0 lr', 0.03),
        ('param_schedulers 0 param_name', 'momentum'),
    ],
)
def test_of_a_forged_state_accepted_the_config_holds(market, tmp_path, stepped, path, value):
    """Class of faults: a file's options that win over those of the config."""
    checkpoint = torch.load(stepped, weights_only=True)
    *parents, last = path.split()
    inner = checkpoint
    for key in parents:
        inner = inner[int(key) if key.isdigit() else key]
    inner[last] = value
    torch.save(checkpoint, tmp_path / 'given.pth')
    cfg = step_config(market, tmp_path)
    cfg.merge_from_dict(
        dict(resume=True, load_from=str(tmp_path / 'given.pth'), accept_changes=True)
    )
    runner = build_runner(cfg)
    runner.train()
    assert runner.iter == 8
    group = runner.optim_wrapper.param_groups[0]
    assert (group['maximize'], group['momentum']) == (False, 0.9)
    assert group['lr'] == pytest.approx(0.005)


@pytest.mark.parametrize('file', ['stepped', 'unscheduled'])
def test_a_schedule_may_come_and_go(market, tmp_path, request, file):
    """Class of faults: the sentence named the missing ``initial_lr`` of the file."""
    cfg = step_config(market, tmp_path)
    if file == 'stepped':
        cfg.param_scheduler = None
    checkpoint = request.getfixturevalue(file)
    cfg.merge_from_dict(dict(resume=True, load_from=str(checkpoint), accept_changes=True))
    runner = build_runner(cfg)
    runner.train()
    expected = 0.05 if file == 'stepped' else 0.005
    assert runner.optim_wrapper.param_groups[0]['lr'] == pytest.approx(expected)


def test_another_batch_size_counts_its_own_batches(market, tmp_path, stepped):
    """Of 36 images an epoch is 4 batches of 8, then 9 of 4: 9 lie behind, not 4."""
    cfg = step_config(market, tmp_path, **{'train_dataloader.batch_size': 4})
    cfg.merge_from_dict(
        dict(resume=True, load_from=str(stepped), accept_changes=['train_dataloader'])
    )
    cfg.custom_hooks = [dict(type='FirstGroup')]
    FirstGroup.groups.clear()
    runner = build_runner(cfg)
    runner.train()
    assert (len(FirstGroup.groups), runner.iter) == (9, 18)
    # The next resumption finds what it expects.
    cfg = step_config(market, tmp_path, **{'train_dataloader.batch_size': 4})
    cfg.merge_from_dict(dict(resume=True, load_from=str(tmp_path / 'epoch_2.pth')))
    cfg.experiment_name += '-again'
    assert build_runner(cfg).train() is not None


def test_how_torch_computes_is_the_config_s(market, tmp_path, stepped):
    checkpoint = torch.load(stepped, weights_only=True)
    checkpoint['optimizer']['param_groups'][0]['foreach'] = True
    torch.save(checkpoint, tmp_path / 'given.pth')
    cfg = step_config(market, tmp_path, **{'optim_wrapper.optimizer.foreach': False})
    cfg.merge_from_dict(dict(resume=True, load_from=str(tmp_path / 'given.pth')))
    runner = build_runner(cfg)
    runner.train()
    assert runner.optim_wrapper.param_groups[0]['foreach'] is False


def test_another_width_names_the_weight_and_the_option(resume, trained):
    """The sentence blamed the shape of a momentum, and the file."""
    width = {'model.backbone.out_channels': 8, 'model.head.in_channels': 8}
    with pytest.raises(CheckpointError) as error:
        resume(trained, accept_changes=True, **width)
    sentence = str(error.value)
    assert 'a weight is of another shape (backbone.' in sentence
    assert 'model.backbone.out_channels was 16 and is 8' in sentence
    assert 'momentum' not in sentence


def test_changes_are_accepted_when_nothing_refuses(market, tmp_path, trained, capsys):
    """The log said that they were, and then a hook refused to start."""
    cfg = one_epoch(market, tmp_path, resume=True, load_from=str(trained), accept_changes=True)
    cfg.merge_from_dict({'log_level': 'WARNING', 'optim_wrapper.optimizer.lr': 0.01})
    cfg.custom_hooks = [dict(type='WeightAverageHook', begin=1)]
    with pytest.raises(CheckpointError, match='averages 0 epochs'):
        build_runner(cfg).train()
    assert 'accepted changes' not in capsys.readouterr().out
    cfg.custom_hooks = []
    cfg.experiment_name += '-again'
    build_runner(cfg).train()
    printed = capsys.readouterr().out
    assert printed.count('accepted changes: optim_wrapper.optimizer.lr was 0.05') == 1


def seed(value):
    return lambda cfg: cfg.merge_from_dict(dict(randomness=dict(seed=value)))


def test_another_seed_is_another_experiment(resume, trained):
    """Class of faults: an option of the config that the checkpoint's overrides with a warning."""
    with pytest.raises(CheckpointError, match=r'randomness\.seed was 0 and is 7'):
        resume(trained, seed(7))
    runner = resume(trained, seed(7), accept_changes=['randomness'])
    assert (runner.seed, runner.train_loop._batches.seed) == (7, 7)
    runner = resume(trained, seed(None))
    assert (runner.seed, runner.train_loop._batches.seed) == (0, 0)


@pytest.fixture(scope='module')
def unscheduled(market, tmp_path_factory):
    work_dir = tmp_path_factory.mktemp('runs') / 'unscheduled'
    cfg = step_config(market, work_dir, **{'train_cfg.max_epochs': 1})
    cfg.param_scheduler = None
    build_runner(cfg).train()
    return work_dir / 'epoch_1.pth'


def step_config(market, work_dir, **changes):
    cfg = one_epoch(market, work_dir, **{'train_cfg.max_epochs': 2, **changes})
    cfg.param_scheduler = [dict(type='MultiStepLR', milestones=[1])]
    return cfg


@pytest.fixture(scope='module')
def stepped(market, tmp_path_factory):
    work_dir = tmp_path_factory.mktemp('runs') / 'stepped'
    build_runner(step_config(market, work_dir)).train()
    return work_dir / 'epoch_1.pth'


def test_a_schedule_by_validation_figures_cannot_change(resume, trained):
    def plateau(cfg):
        cfg.param_scheduler[0] = dict(type='ReduceOnPlateauLR', monitor='mAP', rule='greater')

    with pytest.raises(CheckpointError, match=r'ReduceOnPlateauLR .*param_scheduler\.0\.type'):
        resume(trained, plateau, accept_changes=True)


def test_groups_of_another_size_are_refused(resume, trained, tmp_path):
    checkpoint = torch.load(trained, weights_only=True)
    (group,) = checkpoint['optimizer']['param_groups']
    size = len(group['params'])
    group['params'].pop()
    torch.save(checkpoint, tmp_path / 'given.pth')
    with pytest.raises(
        CheckpointError,
        match=rf'group 0 .*{size - 1} .* {size}',
    ):
        resume(tmp_path / 'given.pth')


def test_other_data_are_refused(resume, trained, tmp_path):
    """Also where the head's number of classes is given, so that the weights fit."""
    checkpoint = torch.load(trained, weights_only=True)
    checkpoint['meta']['dataset_meta']['num_classes'] = 751
    torch.save(checkpoint, tmp_path / 'given.pth')
    with pytest.raises(CheckpointError, match=r'751 classes.* 6; .*load_except'):
        resume(tmp_path / 'given.pth')


@pytest.mark.parametrize('part', ['meta', 'message_hub'])
def test_incomplete_states_are_named(resume, trained, tmp_path, part):
    checkpoint = torch.load(trained, weights_only=True)
    checkpoint[part] = None
    torch.save(checkpoint, tmp_path / 'given.pth')
    with pytest.raises(CheckpointError, match=rf'lacks {part}'):
        resume(tmp_path / 'given.pth')


def test_metadata_need_epoch_and_iteration(resume, trained, tmp_path):
    checkpoint = torch.load(trained, weights_only=True)
    del checkpoint['meta']['epoch'], checkpoint['meta']['iter']
    torch.save(checkpoint, tmp_path / 'given.pth')
    with pytest.raises(CheckpointError, match=r'it lacks meta\.epoch, meta\.iter; resume'):
        resume(tmp_path / 'given.pth')


@pytest.mark.parametrize(
    ('path', 'value'),
    [
        ('meta iter', -(10**6)),
        ('meta iter', 0),
        ('meta iter', 10**12),
        ('meta epoch', 10**9),
        ('optimizer param_groups 0 maximize', True),
        ('optimizer param_groups 0 differentiable', True),
        ('optimizer param_groups 0 momentum', 5.0),
        ('optimizer param_groups 0 lr', 1e300),
        ('optimizer param_groups 0 lr', 0.03),
        ('param_schedulers 1 param_name', 'momentum'),
        ('param_schedulers 1 by_epoch', False),
        ('param_schedulers 1 begin', 3),
        ('param_schedulers 1 base_values', [0.5]),
        ('param_schedulers 1 last_step', 10**9),
        ('param_schedulers 1 _global_step', 10**9),
        ('param_schedulers 1 _global_step', 0),
        ('message_hub log_scalars', {'train/loss': [1.0, 2.0]}),
        ('optimizer state 3 momentum_buffer', torch.zeros(5)),
        ('param_schedulers 0 last_step', 'x'),
        ('unreadable_images', [1]),
    ],
)
def test_malformed_fields_are_named(resume, trained, tmp_path, path, value):
    """The class is in ``tests/checkpoints/test_schema.py``; here, that a run asks."""
    checkpoint = torch.load(trained, weights_only=True)
    *parents, last = path.split()
    inner = checkpoint
    for key in parents:
        inner = inner[int(key) if key.isdigit() else key]
    inner[last] = value
    torch.save(checkpoint, tmp_path / 'given.pth')
    name = path.replace(' ', r'\.')
    with pytest.raises(CheckpointError, match=rf"given\.pth' .* {name}"):
        resume(tmp_path / 'given.pth')


@pytest.mark.parametrize(
    'path', ['optimizer param_groups 0 lr', 'param_schedulers 0 last_step']
)
def test_values_that_the_schedule_does_not_give(market, tmp_path, stepped, path):
    """The class: a value in range that nobody compares. 0.03 in place of 0.005 went on."""
    checkpoint = torch.load(stepped, weights_only=True)
    group, scheduler = (
        checkpoint['optimizer']['param_groups'][0],
        checkpoint['param_schedulers'][0],
    )
    assert (group['lr'], scheduler['last_step']) == (pytest.approx(0.005), 1)
    cfg = step_config(market, tmp_path)
    cfg.merge_from_dict(dict(resume=True, load_from=str(tmp_path / 'given.pth')))
    if path.endswith('lr'):
        group['lr'] = 0.03
        sentence = r'param_groups\.0\.lr was 0\.03 and is 0\.005'
    else:
        scheduler['last_step'] = 0
        sentence = r'param_schedulers\.0\.last_step was 0 and is 1'
    torch.save(checkpoint, tmp_path / 'given.pth')
    with pytest.raises(CheckpointError, match=sentence):
        build_runner(cfg).train()


class OwnRate(Hook):
    """A hook of a user, which sets learning rates."""


def test_rates_that_a_hook_of_ones_own_sets_are_resumed(market, tmp_path, stepped):
    checkpoint = torch.load(stepped, weights_only=True)
    checkpoint['optimizer']['param_groups'][0]['lr'] = 0.03
    torch.save(checkpoint, tmp_path / 'given.pth')
    cfg = step_config(market, tmp_path)
    cfg.merge_from_dict(dict(resume=True, load_from=str(tmp_path / 'given.pth')))
    runner = build_runner(cfg)
    runner.register_hook(OwnRate())
    runner.train()
    assert runner.optim_wrapper.param_groups[0]['lr'] == pytest.approx(0.03)


def test_what_only_a_resumed_run_reads_stops_no_other(market, trained, tmp_path):
    checkpoint = torch.load(trained, weights_only=True)
    checkpoint['message_hub'] = 'x'
    torch.save(checkpoint, tmp_path / 'given.pth')
    runner = build_runner(one_epoch(market, tmp_path, load_from=str(tmp_path / 'given.pth')))
    runner.train()
    assert runner.epoch == 1


def test_weights_only_cannot_be_resumed(resume, trained, tmp_path):
    weights = torch.load(trained, weights_only=True)['state_dict']
    torch.save(weights, tmp_path / 'given.pth')
    with pytest.raises(CheckpointError, match=r'weights only .*model\.pretrained='):
        resume(tmp_path / 'given.pth')


def test_a_forgotten_amp_is_a_warning(resume, trained, tmp_path, capsys):
    checkpoint = torch.load(trained, weights_only=True)
    checkpoint['optimizer']['loss_scaler'] = torch.amp.GradScaler('cpu').state_dict()
    torch.save(checkpoint, tmp_path / 'given.pth')
    resume(tmp_path / 'given.pth', log_level='WARNING')
    printed = capsys.readouterr().out
    assert 'was written with loss scaling, and this run goes on without it' in printed


def test_a_one_cycle_schedule_is_resumed(market, tmp_path):
    """Its checkpoint held a method of the scheduler, which no safe reader takes."""

    def cfg(**changes):
        cfg = step_config(market, tmp_path, **changes)
        cfg.param_scheduler = [
            dict(type='OneCycleLR', eta_max=0.1, total_steps=8, by_epoch=False)
        ]
        return cfg

    build_runner(cfg()).train()
    again = cfg(resume=True, load_from=str(tmp_path / 'epoch_1.pth'))
    again.experiment_name += '-again'
    runner = build_runner(again)
    runner.train()
    assert runner.iter == 8
