"""Settings of the baselines, as their papers state them, in numbers."""

import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F
from torchvision.models import resnet50

from msvitreid.engine import complete_config, load_config
from msvitreid.registry import METRICS, MODELS, TRANSFORMS

from .leaves import CONFIGS
from .test_schedules import learning_rates

DATASETS = {
    'market1501': ('Market1501', (256, 128)),
    'occluded-duke': ('OccludedDuke', (256, 128)),
    'veri': ('VeRi776', (256, 256)),
}
NETS = ('bot-r50', 'vit-s16')
every_one = pytest.mark.parametrize(
    ('net', 'dataset'), [(net, dataset) for net in NETS for dataset in DATASETS]
)

# With 751 classes: ResNet-50 without its classifier, BatchNorm, classifier.
R50_PARAMETERS = 23_508_032 + 2 * 2048 + 751 * 2048
# The same of 12 layers of width 384 on 16x8 patches and a class token.
LAYER = 2 * (2 * 384) + (384 + 1) * 3 * 384 + (384 + 1) * 384 + (384 + 1) * 1536 + 1537 * 384
VIT_PARAMETERS = (
    (3 * 16 * 16 + 1) * 384 + 384 + (16 * 8 + 1) * 384 + 12 * LAYER + 2 * 384
    + 2 * 384 + 751 * 384
)  # fmt: skip


def config(net, dataset):
    return complete_config(load_config(CONFIGS / 'baselines' / f'{net}_{dataset}.py'))


def build(cfg, init_cfg=None):
    backbone = {**cfg.model.backbone, 'init_cfg': init_cfg}
    head = {**cfg.model.head, 'num_classes': 751}
    return MODELS.build({**cfg.model, 'backbone': backbone, 'head': head})


def test_there_is_a_baseline_of_every_net_on_every_dataset_and_no_other():
    found = {path.stem for path in (CONFIGS / 'baselines').glob('*.py')}
    assert found == {f'{net}_{dataset}' for net in NETS for dataset in DATASETS}


@every_one
def test_data_batches_and_metric(net, dataset):
    cfg = config(net, dataset)
    kind, size = DATASETS[dataset]
    assert cfg.train_dataloader.batch_size == 64
    assert cfg.train_dataloader.sampler == dict(
        type='IdentitySampler', num_instances=4, batch_size=64
    )
    for name in ('train', 'val', 'test'):
        loader = cfg[f'{name}_dataloader']
        assert loader.dataset.type == kind
        _, *steps, _ = loader.dataset.pipeline
        results = {'img': np.full((50, 40, 3), 255, np.uint8), 'img_path': 'x.jpg'}
        for step in steps:
            results = TRANSFORMS.build(step)(results)
        assert results['img'].shape == (*size, 3)
    for name in ('val_evaluator', 'test_evaluator'):
        metric = METRICS.build(cfg[name])
        assert (metric.ap, metric.topk) == ('plain', (1, 5, 10))


@every_one
def test_ten_pixels_of_black_around_the_image_before_the_crop(net, dataset):
    _, size = DATASETS[dataset]
    crops = [
        step for step in config(net, dataset).train_dataloader.dataset.pipeline
        if step.type == 'mmpretrain.RandomCrop'
    ]  # fmt: skip
    crop = TRANSFORMS.build(crops[0])
    np.random.seed(0)  # noqa: NPY002
    offsets = set()
    for _ in range(300):
        image = crop({'img': np.full((*size, 3), 255, np.uint8)})['img'][..., 0]
        rows, columns = np.nonzero(image)
        assert image[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1].all()
        offsets.add(rows.min() - (size[0] - 1 - rows.max()))
    assert (min(offsets), max(offsets)) == (-10, 10)


@every_one
def test_test_images_are_not_mirrored_and_weights_not_averaged(net, dataset):
    cfg = config(net, dataset)
    assert cfg.model.flip_test is False
    assert 'custom_hooks' not in cfg
    assert cfg.train_cfg.max_epochs == 120


@pytest.mark.parametrize(
    ('net', 'mean', 'std', 'max_area'),
    [
        ('bot-r50', (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), 0.4),
        ('vit-s16', (0.5, 0.5, 0.5), (0.5, 0.5, 0.5), 1 / 3),
    ],
)
def test_input(net, mean, std, max_area):
    preprocessor = MODELS.build(config(net, 'market1501').model.data_preprocessor)
    black = torch.zeros(1, 3, 4, 2, dtype=torch.uint8)
    (inputs,) = preprocessor({'inputs': black})['inputs']
    expected = [-m / s for m, s in zip(mean, std, strict=True)]
    assert inputs.mean(dim=(1, 2)).tolist() == pytest.approx(expected)
    (erasing,) = preprocessor.batch_augments
    assert (erasing.prob, erasing.min_area, erasing.max_area) == (0.5, 0.02, max_area)


@pytest.mark.parametrize(
    ('net', 'parameters', 'channels', 'shape'),
    [('bot-r50', R50_PARAMETERS, 2048, (16, 8)), ('vit-s16', VIT_PARAMETERS, 384, ())],
)
def test_net(net, parameters, channels, shape):
    model = build(config(net, 'market1501')).eval()
    assert sum(weight.numel() for weight in model.parameters()) == parameters
    with torch.no_grad():
        (feature_map,) = model.backbone(torch.rand(1, 3, 256, 128))
    assert feature_map.shape == (1, channels, *shape)
    assert model.head.norm.num_features == channels
    assert not model.head.norm.bias.requires_grad


def test_bag_of_tricks_losses():
    head = build(config('bot-r50', 'market1501')).head
    logits = torch.randn(5, 751)
    labels = torch.tensor([0, 0, 7, 7, 750])
    expected = F.cross_entropy(logits, labels, label_smoothing=0.1)
    torch.testing.assert_close(head.loss_cls(logits, labels), expected)
    # Distances on a line, not normalized: 1 within, 2 between (the hinge sees both anchors).
    line = torch.tensor([[1.0], [2.0], [4.0], [5.0]])
    triplet = head.loss_triplet(line, torch.tensor([0, 0, 1, 1]))
    assert triplet.item() == pytest.approx(0.0)
    triplet = head.loss_triplet(line / 10, torch.tensor([0, 0, 1, 1]))
    assert triplet.item() == pytest.approx((0.1 - 0.3 + 0.1 - 0.2) / 2 + 0.3)
    assert head.triplet_weight == 1.0


def test_transformer_losses():
    head = build(config('vit-s16', 'market1501')).head
    logits, labels = torch.randn(3, 751), torch.tensor([0, 7, 750])
    torch.testing.assert_close(head.loss_cls(logits, labels), F.cross_entropy(logits, labels))
    line = torch.tensor([[1.0], [2.0], [4.0], [5.0]])
    triplet = head.loss_triplet(line, torch.tensor([0, 0, 1, 1]))
    expected = (math.log1p(math.exp(1 - 3)) + math.log1p(math.exp(1 - 2))) / 2
    assert triplet.item() == pytest.approx(expected)


def test_adam_warms_up_over_ten_epochs_and_falls_after_40_and_70():
    cfg = config('bot-r50', 'market1501')
    optimizer = cfg.optim_wrapper.optimizer
    assert optimizer == dict(type='Adam', lr=3.5e-4, weight_decay=5e-4)
    rates = learning_rates(cfg)
    assert rates[:10] == pytest.approx(np.linspace(3.5e-5, 3.5e-4, 10).tolist())
    assert rates[10:40] == pytest.approx([3.5e-4] * 30)
    assert rates[40:70] == pytest.approx([3.5e-5] * 30)
    assert rates[70:] == pytest.approx([3.5e-6] * 50)


def test_sgd_follows_a_cosine():
    cfg = config('vit-s16', 'market1501')
    optimizer = cfg.optim_wrapper.optimizer
    assert optimizer == dict(type='SGD', lr=0.008, momentum=0.9, weight_decay=1e-4)
    low = 0.002 * 0.008
    expected = [0.008 * (0.01 + 0.99 * e / 5) for e in range(1, 5)] + [
        low + (0.008 - low) / 2 * (1 + math.cos(math.pi * (e - 5) / 115)) for e in range(5, 121)
    ]
    assert learning_rates(cfg) == pytest.approx(expected)


def test_torchvision_s_weights_fill_the_resnet(tmp_path):
    weights = resnet50(weights=None).state_dict()
    torch.save(weights, tmp_path / 'resnet50.pth')
    cfg = config('bot-r50', 'market1501')
    named = cfg.model.backbone.init_cfg
    assert named == dict(type='Pretrained', checkpoint='pretrain/resnet50-0676ba61.pth')
    backbone = build(cfg, {**named, 'checkpoint': str(tmp_path / 'resnet50.pth')}).backbone
    backbone.init_weights()
    own = backbone.state_dict()
    assert own.keys() == weights.keys() - {'fc.weight', 'fc.bias'}
    assert all(torch.equal(value, weights[name]) for name, value in own.items())


@pytest.mark.parametrize(('dataset', 'patches'), [('market1501', 16 * 8), ('veri', 16 * 16)])
def test_a_classifier_s_weights_fill_the_transformer(dataset, patches, tmp_path):
    cfg = config('vit-s16', dataset)
    named = cfg.model.backbone.init_cfg
    assert (named.type, named.prefix) == ('Pretrained', 'backbone')
    trained = MODELS.build({**cfg.model.backbone, 'img_size': 224, 'init_cfg': None})
    trained.init_weights()
    weights = {f'backbone.{name}': value for name, value in trained.state_dict().items()}
    torch.save({'state_dict': weights}, tmp_path / 'vit.pth')
    backbone = build(cfg, {**named, 'checkpoint': str(tmp_path / 'vit.pth')}).backbone
    backbone.init_weights()
    own = backbone.state_dict()
    assert own.keys() == trained.state_dict().keys()
    assert own['pos_embed'].shape == (1, 1 + patches, 384)
    torch.testing.assert_close(own['pos_embed'][:, 0], weights['backbone.pos_embed'][:, 0])
    assert all(
        torch.equal(value, weights[f'backbone.{name}'])
        for name, value in own.items()
        if name != 'pos_embed'
    )
