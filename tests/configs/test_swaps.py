"""A swap exchanges what its name says, and moves nothing else."""

import functools

import pytest
import torch
from mmengine.optim import build_optim_wrapper
from torch.nn import functional as F

from msvitreid.engine import complete_config, load_config
from msvitreid.registry import MODELS, PARAM_SCHEDULERS
from msvitreid.utils.config_diff import config_diff
from tests.miniature import TreeShape, write_occluded_duke
from tests.tools.user import SMALL, options, run

from .leaves import CONFIGS

BASE = CONFIGS / 'msvit' / 'msvit-s_occluded-duke.py'
SWAPS = sorted((CONFIGS / 'swap').glob('*.py'))

# By the first word of a swap's name: the exchanged part, and what has to follow from it.
EXCHANGED = {
    'backbone': ('model.backbone.', 'model.pretrained'),
    'neck': ('model.neck.',),
    'head': ('model.head.',),
    'loss': ('model.head.loss_',),
    'sampler': ('train_dataloader.sampler.', 'model.head.triplet_vectors'),
    'averaging': ('custom_hooks',),
    'optimizer': ('optim_wrapper.',),
}

# Parts that the built net has: number of its vectors, their length, length of the embedding.
SHAPES = {
    'backbone-resnet50': (5, 2048, 10240),
    'backbone-swin-t': (5, 768, 3840),
    'backbone-timm': (5, 768, 3840),
    'backbone-msvit-free': (5, 512, 2560),
    'neck-global-only': (3, 512, 1536),
    'neck-contiguous': (5, 512, 2560),
    'neck-gem': (2, 512, 1024),
    'head-single-bnneck': (5, 512, 2560),
}


def swap(name):
    return complete_config(load_config(CONFIGS / 'swap' / f'{name}.py'))


def build(cfg):
    backbone = {k: v for k, v in cfg.model.backbone.items() if k != 'checkpoint_path'}
    head = {**cfg.model.head, 'num_classes': 3}
    return MODELS.build({**cfg.model, 'backbone': backbone, 'head': head})


@functools.cache
def differences(path):
    """Dotted names."""
    base, own = (load_config(file).to_dict() for file in (BASE, path))
    return {difference.key for difference in config_diff(base, own)}


@pytest.mark.parametrize('path', SWAPS, ids=lambda path: path.stem)
def test_nothing_else_moves(path):
    moved = differences(path)
    allowed = EXCHANGED[path.stem.split('-')[0]]
    assert any(key.startswith(allowed[0]) for key in moved)
    assert not [key for key in moved if not key.startswith(allowed)]


def test_a_loss_moves_one_slot_only():
    for path in SWAPS:
        if path.stem.startswith('loss-'):
            slots = {key.split('.')[2] for key in differences(path)}
            assert slots in ({'loss_cls'}, {'loss_triplet'}), path.stem


def test_a_backbone_alone_changes_the_weights_to_start_from():
    for path in SWAPS:
        changed = 'model.pretrained' in differences(path)
        assert changed == path.stem.startswith('backbone-'), path.stem


@pytest.mark.parametrize('path', SWAPS, ids=lambda path: path.stem)
def test_it_says_what_is_exchanged(path):
    first, second, *_ = path.read_text().splitlines()
    assert first.startswith('# ')
    assert ' for ' in f'{first} {second}'


@pytest.mark.parametrize(('name', 'shape'), SHAPES.items(), ids=list(SHAPES))
def test_the_net_fits_together(name, shape):
    model = build(swap(name)).eval()
    with torch.inference_mode():
        vectors = model.vectors(torch.rand(1, 3, 384, 128))
        features = model.head(vectors)
    length = sum(feature.shape[1] for feature in features)
    assert (len(vectors), vectors[0].shape[1], length) == shape


def test_label_smoothing_is_the_usual_one():
    logits = torch.randn(6, 3, generator=torch.Generator().manual_seed(0))
    labels = torch.tensor([0, 1, 2, 2, 1, 0])
    found = build(swap('loss-label-smoothing')).head.loss_cls(logits, labels)
    torch.testing.assert_close(found, F.cross_entropy(logits, labels, label_smoothing=0.1))


def test_arcface_has_weights_for_each_vector_and_circle_has_none():
    head = build(swap('loss-arcface')).head
    assert [tuple(loss.loss.W.shape) for loss in head.losses_triplet] == [(512, 3)] * 3
    assert not list(build(swap('loss-circle')).head.losses_triplet.parameters())


def test_rates_rise_by_block_and_keep_their_ratios():
    cfg = swap('optimizer-adamw')
    model = build(cfg)
    wrapper = build_optim_wrapper(model, cfg.optim_wrapper)
    groups = {group['param_name']: group for group in wrapper.optimizer.param_groups}
    assert groups.keys() == {n for n, p in model.named_parameters() if p.requires_grad}
    assert not [name for name in groups if name.startswith('backbone.stem.')]
    # 27 blocks of 3 + 6 + 15 + 3, after the stem and before the rest.
    exponents = {
        'backbone.stages.0.0.main.0.conv.weight': 27,
        'backbone.stages.0.4.proj.conv.weight': 25,
        'backbone.stages.1.0.main.0.conv.weight': 24,
        'backbone.stages.2.28.attn.logit_scale': 4,
        'backbone.branches.0.stage.0.main.0.conv.weight': 3,
        'backbone.branches.1.stage.2.main.0.conv.weight': 1,
        'backbone.branches.1.conv_head.conv.weight': 0,
        'head.classifiers.0.weight': 0,
    }
    for name, exponent in exponents.items():
        assert groups[name]['lr'] == pytest.approx(5e-4 * 0.9**exponent), name
    assert groups['head.norms.0.weight']['weight_decay'] == 0
    assert groups['head.linears.0.weight']['weight_decay'] == 0.05

    (warmup, _) = cfg.param_scheduler
    PARAM_SCHEDULERS.build({**warmup, 'optimizer': wrapper})
    for name, exponent in exponents.items():
        assert groups[name]['lr'] == pytest.approx(0.208 * 5e-4 * 0.9**exponent), name


@pytest.fixture(scope='module')
def data_root(tmp_path_factory):
    root = tmp_path_factory.mktemp('data')
    write_occluded_duke(root, TreeShape(train_identities=4, test_identities=2, images=3))
    return root


def train(name, work_dir, *flags, data_root, epochs, batch_size=4):
    small = {**SMALL, 'data_root': data_root, 'train_cfg.max_epochs': epochs}
    small['train_dataloader.batch_size'] = batch_size
    if name == 'averaging-ema':
        del small['custom_hooks.0.begin']
    config = CONFIGS / 'swap' / f'{name}.py'
    trained = run('train.py', config, '--work-dir', work_dir, *flags, *options(small))
    assert trained.code == 0, trained.err
    return config, small


def evaluate(config, checkpoint, folder, small):
    tested = run('test.py', config, checkpoint, '--work-dir', folder / 'test', *options(small))
    assert tested.code == 0, tested.err


def load(path):
    return torch.load(path, weights_only=True)


def test_arcface_trains_resumes_is_averaged_and_tested(data_root, tmp_path):
    train('loss-arcface', tmp_path, data_root=data_root, epochs=1)
    config, small = train(
        'loss-arcface', tmp_path, '--resume', '--accept-changes', data_root=data_root, epochs=2
    )
    name = 'head.losses_triplet.1.loss.W'
    first, second, averaged = (
        load(tmp_path / f'{file}.pth')['state_dict'][name]
        for file in ('epoch_1', 'epoch_2', 'averaged')
    )
    assert not torch.equal(first, second)
    torch.testing.assert_close(averaged, (first + second) / 2)
    evaluate(config, tmp_path / 'averaged.pth', tmp_path, small)


def test_an_exponential_average_resumes_exactly_and_is_what_is_tested(data_root, tmp_path):
    # One step an epoch.
    run_ema = functools.partial(train, 'averaging-ema', data_root=data_root, batch_size=8)
    run_ema(tmp_path / 'whole', epochs=3)
    # After two steps, since after the first the average is the net.
    run_ema(tmp_path / 'parts', epochs=2)
    config, small = run_ema(tmp_path / 'parts', '--resume', '--accept-changes', epochs=3)
    second, whole = (load(tmp_path / 'whole' / f'epoch_{epoch}.pth') for epoch in (2, 3))
    parts = load(tmp_path / 'parts' / 'epoch_3.pth')
    for part in ('state_dict', 'ema_state_dict'):
        for name, weight in whole[part].items():
            assert torch.equal(weight, parts[part][name]), name

    for name in ('head.linears.0.weight', 'head.norms.0.running_mean'):
        average, net = second['state_dict'][name], whole['ema_state_dict'][f'module.{name}']
        assert not torch.equal(average, net)
        torch.testing.assert_close(whole['state_dict'][name], average.lerp(net, 2e-4))

    evaluate(config, tmp_path / 'parts' / 'epoch_3.pth', tmp_path, small)
