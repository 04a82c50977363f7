import pytest
import torch

from msvitreid.errors import CheckpointError
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
        (adamw, r'its optimiser is SGD and the config has AdamW'),
        (group_per_weight, r'it has 1 parameter groups and the config makes \d+'),
        (fewer_schedulers, r'it has 2 param_scheduler and the config has 1'),
        (
            other_schedulers,
            r'its param_scheduler are LinearLR, CosineAnnealingLR and the config has LinearLR, '
            r'ExponentialLR',
        ),
    ],
)
def test_another_optimisation_is_refused(resume, trained, change, sentence):
    with pytest.raises(
        CheckpointError, match=rf'epoch_1\.pth.* with this config: {sentence}; resume with'
    ):
        resume(trained, change)


def test_all_differences_are_in_one_sentence(resume, trained):
    def change(cfg):
        adamw(cfg)
        fewer_schedulers(cfg)

    with pytest.raises(CheckpointError, match=r'SGD .* AdamW, it has 2 param_scheduler'):
        resume(trained, change)


def test_groups_of_another_size_are_refused(resume, trained, tmp_path):
    checkpoint = torch.load(trained, weights_only=True)
    (group,) = checkpoint['optimizer']['param_groups']
    size = len(group['params'])
    group['params'].pop()
    torch.save(checkpoint, tmp_path / 'given.pth')
    with pytest.raises(
        CheckpointError,
        match=rf'parameter group 0 has {size - 1} weights and the config makes it of {size}',
    ):
        resume(tmp_path / 'given.pth')


def test_other_data_are_refused(resume, trained, tmp_path):
    """Also where the head's number of classes is given, so that the weights fit."""
    checkpoint = torch.load(trained, weights_only=True)
    checkpoint['meta']['dataset_meta']['num_classes'] = 751
    torch.save(checkpoint, tmp_path / 'given.pth')
    with pytest.raises(
        CheckpointError, match=r'751 classes, and the training data have 6; .*load_except'
    ):
        resume(tmp_path / 'given.pth')


@pytest.mark.parametrize('part', ['meta', 'message_hub'])
def test_incomplete_states_are_named(resume, trained, tmp_path, part):
    checkpoint = torch.load(trained, weights_only=True)
    checkpoint[part] = None
    torch.save(checkpoint, tmp_path / 'given.pth')
    with pytest.raises(CheckpointError, match=rf'cannot be resumed: it lacks {part}; resume'):
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
    with pytest.raises(
        CheckpointError, match=r'it holds weights only \(\w.*model\.pretrained=\.\.\.'
    ):
        resume(tmp_path / 'given.pth')


def test_a_forgotten_amp_is_a_warning(resume, trained, tmp_path, capsys):
    checkpoint = torch.load(trained, weights_only=True)
    checkpoint['optimizer']['loss_scaler'] = torch.amp.GradScaler('cpu').state_dict()
    torch.save(checkpoint, tmp_path / 'given.pth')
    resume(tmp_path / 'given.pth', log_level='WARNING')
    printed = capsys.readouterr().out
    assert 'was written with loss scaling, and this run goes on without it' in printed
