import copy
import hashlib
import json
import re
from importlib.util import find_spec

import numpy as np
import pytest
import torch
from mmengine.optim import build_optim_wrapper
from mmengine.registry import DefaultScope
from torch import nn

from msvitreid.engine import complete_config, load_config
from msvitreid.models.weights.official_names import from_official
from msvitreid.registry import DATASETS, HOOKS, METRICS, MODELS, TRANSFORMS
from tests.miniature import TreeShape, write_market1501
from tests.miniature.imagenet import write_imagenet
from tests.tools.user import SMALL, leaf, options, run

from .leaves import CONFIGS
from .pretraining import PRETRAINING, SMALL_PRETRAINING, pretraining_config
from .test_schedules import learning_rates

pytestmark = pytest.mark.skipif(find_spec('mmpretrain') is None, reason='needs mmpretrain')

CONFIG = pretraining_config('msvit-s_8xb128_in1k')
CONVERTER = 'model_converters/official_weights.py'

# By size, of the published description; parameters with 1000 classes.
PARAMETERS = {'s': 7_715_624, 'l': 15_695_352}
DROP_PATH = {'s': 0.05, 'l': 0.10}
MIXUP_AND_CUTMIX = {'s': (0.2, 0.3), 'l': (0.4, 0.5)}

all_configs = pytest.mark.parametrize('name', PRETRAINING)


@pytest.fixture(autouse=True)
def scope():
    """What mmengine's runner does for a config with our ``default_scope``."""
    with DefaultScope.overwrite_default_scope('msvitreid'):
        yield


def load(name, **changes):
    return complete_config(load_config(pretraining_config(name), changes))


def build_model(cfg):
    """The net with ImageNet's classes."""
    model = copy.deepcopy(cfg.model)
    model.head.num_classes = model.data_preprocessor.num_classes = 1000
    return MODELS.build(model)


def test_there_is_a_config_for_every_size_and_activation():
    found = {path.stem for path in (CONFIGS / 'pretrain').iterdir() if path.suffix == '.py'}
    assert found == set(PRETRAINING)


@all_configs
def test_model_is_the_logged_one(name):
    size, activation = PRETRAINING[name]
    cfg = load(name)
    model = build_model(cfg)
    assert type(model).__name__ == 'ImageClassifier'
    assert sum(weight.numel() for weight in model.parameters()) == PARAMETERS[size]
    assert cfg.model.backbone.drop_path_rate == DROP_PATH[size]
    assert cfg.model.backbone.sparse_ratio == 1.0
    assert model.backbone.split_size == (7, 7)
    maps = model.eval().extract_feat(torch.zeros(1, 3, 224, 224))
    assert [tuple(part.shape) for part in maps] == [(1, 512, 7, 7)]

    other = {'GELU': nn.ReLU, 'ReLU': nn.GELU}[activation]
    kinds = [*map(type, (model.backbone.stem.act, model.head.act))]
    assert kinds == [getattr(nn, activation)] * 2
    others = [part for part in model.modules() if isinstance(part, other)]
    # Squeeze and excitation, in each of 27 blocks, has ReLU whatever the others have.
    assert len(others) == (27 if activation == 'GELU' else 0)
    if activation == 'GELU':
        assert model.head.act.approximate == 'none'


@all_configs
def test_images_are_mixed_and_labels_smoothed(name):
    size, _ = PRETRAINING[name]
    model = build_model(load(name))
    preprocessor, loss = model.data_preprocessor, model.head.loss_module
    mixup, cutmix = preprocessor.batch_augments.augments
    assert [type(mixup).__name__, type(cutmix).__name__] == ['Mixup', 'CutMix']
    assert (mixup.alpha, cutmix.alpha) == MIXUP_AND_CUTMIX[size]
    # As likely one as the other.
    assert preprocessor.batch_augments.probs is None
    assert preprocessor.to_rgb
    assert preprocessor.mean.flatten().tolist() == pytest.approx([123.675, 116.28, 103.53])
    assert preprocessor.std.flatten().tolist() == pytest.approx([58.395, 57.12, 57.375])

    logits = torch.zeros(1, 4)
    logits[0, 0] = np.log(3)  # of probabilities 1/2, 1/6, 1/6, 1/6
    target = torch.tensor([[1.0, 0.0, 0.0, 0.0]])
    smoothed = -(0.925 * np.log(1 / 2) + 3 * 0.025 * np.log(1 / 6))
    assert (type(loss).__name__, loss.label_smooth_val) == ('LabelSmoothLoss', 0.1)
    assert loss(logits, target).item() == pytest.approx(smoothed)


@all_configs
def test_images_are_augmented_as_logged(name):
    cfg = load(name)
    load_image, crop, flip, augment, jitter, erase, _ = (
        TRANSFORMS.build(step) for step in cfg.train_dataloader.dataset.pipeline
    )
    assert load_image.color_type == 'color'
    assert (crop.scale, crop.crop_ratio_range) == ((224, 224), (0.08, 1.0))
    assert crop.interpolation == 'bicubic'
    assert (flip.prob, flip.direction) == (0.5, 'horizontal')
    settings = augment.num_policies, augment.magnitude_level, augment.magnitude_std
    assert (settings, augment.total_level) == ((2, 9, 0.5), 10)
    assert augment.hparams['interpolation'] == 'bicubic'
    # "inc1": of the policies that grow with the level, Posterize and Solarize turn their ranges.
    ranges = {
        p['type']: p['magnitude_range'] for p in augment.policies if 'magnitude_range' in p
    }
    assert (len(augment.policies), ranges['Posterize'], ranges['Solarize']) == (
        15, (4, 0), (256, 0),
    )  # fmt: skip
    assert jitter.brightness == jitter.contrast == jitter.saturation == (0.6, 1.4)
    assert jitter.hue is None
    assert (erase.erase_prob, erase.mode) == (0.25, 'rand')
    assert (erase.min_area_ratio, erase.max_area_ratio) == (0.02, 1 / 3)


def test_every_augmentation_runs_on_todays_libraries():
    cfg = load('msvit-s_8xb128_in1k')
    _, _, _, augment, jitter, erase, _ = (
        TRANSFORMS.build(step) for step in cfg.train_dataloader.dataset.pipeline
    )
    erase.erase_prob = 1.0
    image = np.random.default_rng(0).integers(0, 256, (64, 48, 3), dtype=np.uint8)
    for transform in (*augment.transforms, jitter, erase):
        if hasattr(transform, 'prob'):
            transform.prob = 1.0
        done = transform({'img': image.copy(), 'img_shape': image.shape[:2]})['img']
        assert (done.shape, done.dtype) == (image.shape, np.uint8)
        assert not np.array_equal(done, image) or type(transform).__name__ in (
            'AutoContrast', 'Equalize',
        ), transform  # fmt: skip


@all_configs
def test_the_quoted_options_switch_the_jitter_off(name):
    page = (CONFIGS.parent / 'pretrain' / 'README.md').read_text(encoding='utf-8')
    quoted = re.findall(r'train_dataloader\.dataset\.pipeline\.\S+=\S+', page)
    changes = dict(option.split('=') for option in quoted)
    assert len(changes) == 3
    cfg = load(name, **{key: int(value) for key, value in changes.items()})
    kinds = [step.type for step in cfg.train_dataloader.dataset.pipeline]
    assert kinds == [step.type for step in load(name).train_dataloader.dataset.pipeline]
    jitter = TRANSFORMS.build(cfg.train_dataloader.dataset.pipeline[4])
    assert type(jitter).__name__ == 'ColorJitter'
    image = np.random.default_rng(0).integers(0, 256, (6, 4, 3), dtype=np.uint8)
    assert np.array_equal(jitter({'img': image.copy()})['img'], image)


@all_configs
def test_images_are_tested_as_usual(name, tmp_path):
    write_imagenet(tmp_path)
    changes = {
        'data_root': str(tmp_path),
        'val_dataloader.dataset.metainfo': {'classes': ('a', 'b', 'c')},
    }
    cfg = load(name, **changes)
    dataset = DATASETS.build(cfg.val_dataloader.dataset)
    assert (len(dataset), type(dataset).__name__) == (6, 'ImageNet')
    assert dataset[0]['inputs'].shape == (3, 224, 224)
    resize = TRANSFORMS.build(cfg.val_dataloader.dataset.pipeline[1])
    assert (resize.scale, resize.edge, resize.interpolation) == (256, 'short', 'bicubic')
    metric = METRICS.build(cfg.val_evaluator)
    assert (type(metric).__name__, metric.topk) == ('TopKAccuracy', (1, 5))
    assert cfg.test_evaluator == cfg.val_evaluator
    assert cfg.test_dataloader.dataset.pipeline == cfg.val_dataloader.dataset.pipeline


def test_the_data_root_is_all_that_mmpretrains_dataset_is_given():
    changes = {'data_root': 'somewhere', 'on_count_mismatch': 'ignore'}
    cfg = load('msvit-s_8xb128_in1k', **changes)
    for name in ('train', 'val', 'test'):
        dataset = cfg[f'{name}_dataloader'].dataset
        assert dataset.data_root == 'somewhere'
        assert 'on_count_mismatch' not in dataset


@all_configs
def test_optimizer_is_the_logged_one(name):
    cfg = load(name)
    model = build_model(cfg)
    wrapper = build_optim_wrapper(model, cfg.optim_wrapper)
    assert type(wrapper.optimizer).__name__ == 'AdamW'
    groups = wrapper.optimizer.param_groups
    for group in groups:
        (weight,) = group['params']
        assert (group['lr'], group['betas']) == (2e-3, (0.9, 0.999))
        assert group['weight_decay'] == (0 if weight.ndim == 1 else 0.05)
    assert len(groups) == len(list(model.parameters()))
    assert wrapper.clip_grad_kwargs == {'max_norm': 5.0}
    # On each of 8 GPUs.
    assert (cfg.train_dataloader.batch_size, cfg.train_cfg.max_epochs) == (128, 300)

    (hook,) = (HOOKS.build(hook) for hook in cfg.custom_hooks)
    hook.src_model = nn.Linear(1, 1)
    average = MODELS.build({**hook.ema_cfg, 'model': nn.BatchNorm1d(1)})
    for mean in (0.0, 1.0):
        source = nn.BatchNorm1d(1)
        source.running_mean.fill_(mean)
        average.update_parameters(source)
    assert average.module.running_mean.item() == pytest.approx(1 - 0.9999, rel=1e-3)


@all_configs
def test_learning_rate_of_an_epoch(name):
    rates = learning_rates(load(name))
    assert len(rates) == 300
    expected = {1: 1e-4, 2: 2e-4, 20: 2e-3, 21: 1.99993710e-3, 160: 1.0005e-3, 300: 1e-6}
    for epoch, rate in expected.items():
        assert rates[epoch - 1] == pytest.approx(rate, rel=1e-7), epoch


@pytest.fixture(scope='module')
def data_root(tmp_path_factory):
    """ImageNet and Market-1501 in miniature."""
    root = tmp_path_factory.mktemp('data')
    write_imagenet(root)
    write_market1501(root, TreeShape(train_identities=4, test_identities=2, images=3))
    return root


def train(work_dir, data_root, epochs, *flags):
    small = {'data_root': data_root, 'train_cfg.max_epochs': epochs}
    outcome = run(
        'train.py', CONFIG, '--work-dir', work_dir, *flags, *options(SMALL_PRETRAINING, small)
    )
    assert outcome.code == 0, outcome.err
    return outcome


@pytest.fixture(scope='module')
def trained(data_root, tmp_path_factory):
    """Work directory of two epochs of pre-training; do not change it."""
    work_dir = tmp_path_factory.mktemp('trained')
    train(work_dir, data_root, 2)
    return work_dir


def read(path):
    return torch.load(path, weights_only=True)


def test_the_head_has_the_datas_classes(trained):
    assert read(trained / 'epoch_2.pth')['state_dict']['head.classifier.weight'].shape[0] == 3


def test_a_resumed_run_ends_with_the_same_weights(trained, data_root, tmp_path):
    train(tmp_path, data_root, 1)
    resumed = train(tmp_path, data_root, 2, '--resume', '--accept-changes')
    assert 'Epoch(train) [1]' not in resumed.out
    found, expected = read(tmp_path / 'epoch_2.pth'), read(trained / 'epoch_2.pth')
    for part in ('state_dict', 'ema_state_dict'):
        assert found[part].keys() == expected[part].keys()
        for weight, value in expected[part].items():
            assert torch.equal(found[part][weight], value), weight


def test_a_checkpoint_and_what_it_is_exported_to_give_the_same_figure(
    trained, data_root, tmp_path
):
    result = tmp_path / 'result.json'
    small = options(SMALL_PRETRAINING, {'data_root': data_root})
    run(CONVERTER, trained / 'epoch_2.pth', tmp_path / 'official.pth', '--to-official')
    run(CONVERTER, tmp_path / 'official.pth', tmp_path / 'ours.pth')
    figures = []
    for checkpoint in (trained / 'epoch_2.pth', tmp_path / 'ours.pth'):
        paths = ['--work-dir', tmp_path, '--out', result]
        tested = run('test.py', CONFIG, checkpoint, *paths, *small)
        assert tested.code == 0, tested.err
        figures.append(json.loads(result.read_text())['metrics'])
    assert figures[0] == figures[1]
    # The share of the six images that are right.
    assert figures[0].keys() == {'accuracy/top1'}
    right = figures[0]['accuracy/top1'] * 6
    assert 0 <= right <= 6
    assert right == pytest.approx(round(right), abs=1e-3)


def test_the_result_starts_a_re_identification_run(trained, data_root, tmp_path):
    exported = tmp_path / 'msvit_s.pth'
    outcome = run(CONVERTER, trained / 'epoch_2.pth', exported, '--to-official')
    checkpoint, weights = read(trained / 'epoch_2.pth'), read(exported)
    assert outcome.out == (
        f'classifier: {len(weights)} tensors written to {exported} (the EMA weights)\n'
    )
    ours = from_official(weights, 'classifier')
    assert ours.keys() == checkpoint['state_dict'].keys()
    for name, value in checkpoint['state_dict'].items():
        assert torch.equal(ours[name], value), name
    # The average begins after the first step, and counters are not averaged.
    assert ours['backbone.stem.norm.num_batches_tracked'] == 1
    raw = checkpoint['ema_state_dict']
    assert raw['module.backbone.stem.norm.num_batches_tracked'] == 6
    assert not torch.equal(raw['module.head.fc.weight'], ours['head.fc.weight'])

    start = {'data_root': data_root, 'model.pretrained': exported, 'train_cfg.max_epochs': 1}
    reid = run(
        'train.py',
        leaf('msvit-s_market1501'),
        '--work-dir',
        tmp_path / 'reid',
        *options(SMALL, start),
    )
    assert reid.code == 0, reid.err
    (line,) = (line for line in reid.out.splitlines() if 'pretrained weights: ' in line)
    filled = read(tmp_path / 'reid' / 'epoch_1.pth')['state_dict']
    digest = hashlib.sha256(exported.read_bytes()).hexdigest()
    # All of the net but five classifiers; all of the file but its one.
    assert line.split('pretrained weights: ')[1] == (
        f'{len(filled) - 5} tensors loaded from {exported} (sha256 {digest[:12]}); '
        'left out: 1 key (head.classifier.weight); from scratch: head.classifiers'
    )


@pytest.mark.parametrize(
    ('change', 'expected'),
    [
        (
            {'train_dataloader.dataset.metainfo': {'classes': ('a', 'b')}},
            "cannot be read: The number of subfolders (3) doesn't match",
        ),
        ({'data_root': 'nowhere'}, 'nowhere/imagenet/train: No such file'),
        (
            {'model.type': 'mmpretrain.ImageClasifier'},
            "did you mean 'mmpretrain.ImageClassifier'",
        ),
    ],
)
def test_bad_input_is_reported_in_one_sentence(change, expected, data_root, tmp_path):
    small = options(SMALL_PRETRAINING, {'data_root': data_root}, change)
    outcome = run('train.py', CONFIG, '--work-dir', tmp_path, *small)
    assert outcome.code == 2
    assert outcome.err.count('\n') == 1
    assert expected in outcome.err
