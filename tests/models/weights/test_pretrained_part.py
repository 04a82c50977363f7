import logging
import re

import pytest
import torch
from mmengine.logging import MMLogger
from mmengine.model import BaseModule
from torch import nn
from torchvision.models import resnet18, resnet50

from msvitreid.engine.summary.start_summary import training_summary
from msvitreid.errors import CheckpointError
from msvitreid.models.weights.pretrained_part import LOADED_PARTS, CheckedPretrainedInit
from msvitreid.registry import MODELS
from tests.engine.tiny_run import build_runner, tiny_config
from tests.models.tiny import tiny_reid_model

RESNET = dict(type='mmpretrain.ResNet', depth=18)
VIT = dict(
    type='mmpretrain.VisionTransformer',
    arch=dict(embed_dims=8, num_layers=2, num_heads=2, feedforward_channels=16),
    patch_size=16,
    out_type='featmap',
)
SWIN = dict(
    type='mmpretrain.SwinTransformer',
    arch=dict(embed_dims=8, depths=[1, 1], num_heads=[1, 2]),
    out_indices=(1,),
)


class Part(BaseModule):
    """Twenty linear layers, of which a test says which are in the file."""

    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(2, 2, bias=False) for _ in range(20))


def saved(tmp_path, weights):
    path = str(tmp_path / 'weights.pth')
    torch.save(weights, path)
    return path


def fill(module, path, **options):
    CheckedPretrainedInit(path, **options)(module)
    return LOADED_PARTS[module][path]


def test_torchvisions_file_without_batch_counters(tmp_path):
    source = {n: w for n, w in resnet18().state_dict().items() if 'num_batches' not in n}
    net = MODELS.build(RESNET)
    report = fill(net, saved(tmp_path, source))
    # Twenty convolutions, and four tensors in each of twenty BatchNorms.
    assert (len(report.loaded), report.wanted) == (100, 100)
    assert report.left_out == ['fc.bias', 'fc.weight']
    assert torch.equal(net.state_dict()['conv1.weight'], source['conv1.weight'])


@pytest.mark.parametrize('prefix', ['backbone', 'backbone.'])
def test_a_vit_of_another_image_size_below_a_prefix(prefix, tmp_path):
    source = MODELS.build({**VIT, 'img_size': 224}).state_dict()
    source = {f'backbone.{name}': value for name, value in source.items()}
    net = MODELS.build({**VIT, 'img_size': (64, 32)})
    assert net.pos_embed.shape == (1, 9, 8)
    path = saved(tmp_path, {'state_dict': {**source, 'head.weight': torch.zeros(1)}})
    report = fill(net, path, prefix=prefix)
    assert len(report.loaded) == report.wanted == len(source)
    token = source['backbone.pos_embed'][:, :1]
    assert torch.equal(net.pos_embed[:, :1], token)


def test_a_swin_of_another_window_size(tmp_path, monkeypatch):
    # mmpretrain's own calls a function that SciPy has removed.
    monkeypatch.setattr(
        'mmpretrain.models.backbones.swin_transformer.resize_relative_position_bias_table',
        lambda source, target, table, heads: torch.full((target**2, heads), 3.0),
    )
    source = MODELS.build({**SWIN, 'window_size': 7}).state_dict()
    net = MODELS.build({**SWIN, 'window_size': 4, 'pad_small_map': True})
    report = fill(net, saved(tmp_path, source))
    # The indices, which follow from the window's size, are the net's own.
    assert report.missing == [name for name in source if name.endswith('position_index')]
    assert len(report.loaded) == len(source) - len(report.missing)
    tables = [w for name, w in net.named_parameters() if name.endswith('bias_table')]
    assert [table.mean().item() for table in tables] == [3.0, 3.0]


@pytest.mark.parametrize(
    ('weights', 'problem'),
    [
        (
            lambda: {f'net.{n}': w for n, w in resnet18().state_dict().items()},
            "it fills 0 of 100 tensors; the part has 'conv1.weight', the file "
            "'net.conv1.weight';",
        ),
        (
            lambda: resnet50().state_dict(),
            r'\d+ keys are of another shape \(layer1\.0\.conv1\.weight '
            r'\(64, 64, 1, 1\) instead of \(64, 64, 3, 3\), ',
        ),
    ],
)
def test_another_nets_file(weights, problem, tmp_path):
    path = saved(tmp_path, weights())
    sentence = rf"^init_cfg\.checkpoint '{re.escape(path)}' does not fit ResNet: {problem}"
    with pytest.raises(CheckpointError, match=sentence) as error:
        fill(MODELS.build(RESNET), path)
    assert '\n' not in str(error.value)


def test_next_to_nothing_is_less_than_a_tenth(tmp_path):
    own = list(Part().state_dict().items())
    assert len(fill(Part(), saved(tmp_path, dict(own[:2]))).loaded) == 2
    with pytest.raises(CheckpointError, match='it fills 1 of 20 tensors'):
        fill(Part(), saved(tmp_path, dict(own[:1])))


def test_a_prefix_that_is_not_there(tmp_path):
    path = saved(tmp_path, {'backbones.a': torch.zeros(1)})
    sentence = (
        r"prefix is 'backbone'.*weights\.pth' begin with it \(the first is 'backbones\.a'"
    )
    with pytest.raises(CheckpointError, match=sentence):
        fill(Part(), path, prefix='backbone')


def test_the_log_names_what_was_loaded_and_what_was_not(tmp_path, monkeypatch):
    lines = []
    logger = MMLogger.get_instance('part', logger_name='part', log_level=logging.INFO)
    monkeypatch.setattr(logger, 'log', lambda level, text: lines.append(text))
    weights = dict(list(Part().state_dict().items())[1:])
    path = saved(tmp_path, {**weights, 'fc.weight': torch.zeros(1)})
    fill(Part(), path)
    MMLogger._instance_dict.pop('part')
    (line,) = lines
    assert re.fullmatch(
        rf'init_cfg of Part: 19 tensors loaded from {re.escape(path)} \(sha256 \w+\); left out: '
        r'1 key \(fc\.weight\); from scratch: 1 key \(layers\.0\.weight\)',
        line,
    )


@pytest.fixture
def about_to_train(market, tmp_path):
    """A run whose backbone starts from a file, with its weights initialized."""

    def start(weights):
        path = saved(tmp_path, weights)
        kaiming = dict(type='Kaiming', layer='Conv2d')
        init_cfg = [kaiming, dict(type='Pretrained', checkpoint=path)]
        changes = {'model.backbone.init_cfg': init_cfg}
        runner = build_runner(tiny_config(market, tmp_path / 'run', **changes))
        runner._train_loop = runner.build_train_loop(runner._train_loop)
        runner.optim_wrapper = runner.build_optim_wrapper(runner.optim_wrapper)
        runner._init_model_weights()
        return runner, path

    return start


def test_a_run_says_how_much_of_its_backbone_a_file_fills(about_to_train):
    own = MODELS.build(tiny_reid_model()['backbone']).state_dict()
    count = sum('num_batches' not in name for name in own)
    weights = {name: torch.full_like(value, 2) for name, value in own.items()}
    del weights[next(name for name in own if name.endswith('weight'))]
    runner, path = about_to_train(weights)
    (line,) = [x for x in training_summary(runner).splitlines() if x.startswith('  weights')]
    assert line.split(maxsplit=1)[1] == f'backbone: {path} ({count - 1} of {count} tensors)'
    filled = runner.model.backbone.state_dict()
    assert all(torch.equal(filled[name], value) for name, value in weights.items())


def test_a_run_does_not_start_from_another_nets_file(about_to_train):
    with pytest.raises(CheckpointError, match=r'MSViT: .* 0 of \d+ tensors'):
        about_to_train({'a': torch.zeros(1)})
