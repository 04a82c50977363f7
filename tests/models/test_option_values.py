"""Values of a net's options that ended in a traceback, or trained something else."""

import pytest
import torch
from torch import nn

from msvitreid.errors import ConfigError
from msvitreid.models import (
    BatchHardTripletLoss,
    BatchRandomErasing,
    BNNeckHead,
    GlobalPoolingNeck,
    ImageNetHead,
    MSViT,
    PartPoolingNeck,
    ReIDModel,
    SingleBNNeckHead,
)
from msvitreid.registry import MODELS
from msvitreid.structures import ReIDDataSample

from .tiny import TINY_ARCH, tiny_backbone, tiny_reid_model

VALUES = [
    (MSViT, 'arch', [None, 3, 'xl', {}]),
    (MSViT, 'split_size', [None, 2, (2,), (0, 2), (2, 2, 2), ('a', 'b'), (2.0, 2)]),
    (MSViT, 'drop_path_rate', [None, 1, -0.1, 'a', float('nan')]),
    (MSViT, 'act_cfg', [None, 'ReLU', {}, {'type': None}]),
    (MSViT, 'num_branches', [0, None]),
    (MSViT, 'last_stride', [0, None]),
    (MSViT, 'out_channels', [0, -5, None, 1.5]),
    (MSViT, 'frozen_stages', [99, 4, -2, None, True]),
    (MSViT, 'with_cp', [None, 'yes', 1]),
    (MSViT, 'attention_kernel', [None, 'cuda', True]),
    (MSViT, 'grouped_conv_kernel', [None, 'cuda', True]),
    (PartPoolingNeck, 'num_parts', [-1, None, 1.5, True, 'a']),
    (PartPoolingNeck, 'part_mode', [None, 'rows']),
    (GlobalPoolingNeck, 'power', [0, -1, None, 'a', float('nan')]),
    (BNNeckHead, 'num_classes', [0, -1, 'a', 1.5]),
    (BNNeckHead, 'num_vectors', [0, None]),
    (BNNeckHead, 'in_channels', [0, None]),
    (BNNeckHead, 'triplet_vectors', [-1, None]),
    (BNNeckHead, 'frozen_bias_from', [-1, None]),
    (BNNeckHead, 'triplet_weight', [-1, None, 'a', float('nan'), float('inf')]),
    (BNNeckHead, 'loss_triplet', ['BatchHardTripletLoss', 3, {'type': None}]),
    (BNNeckHead, 'loss_cls', [None, 'CrossEntropyLoss']),
    (SingleBNNeckHead, 'num_classes', [0, -1]),
    (SingleBNNeckHead, 'in_channels', [0]),
    (SingleBNNeckHead, 'triplet_weight', [-1, None]),
    (SingleBNNeckHead, 'loss_triplet', ['x']),
    (ImageNetHead, 'num_classes', [0, None]),
    (ImageNetHead, 'act_cfg', [None, 'GELU']),
    (ImageNetHead, 'loss', [None]),
    (BatchHardTripletLoss, 'margin', [-1, 'a', float('inf')]),
    (BatchRandomErasing, 'prob', [2, -1, None, 'a']),
    (BatchRandomErasing, 'max_area', [None, 'a', 0.001, 2]),
    (ReIDModel, 'flip_test', [None, 'no', 1]),
    (ReIDModel, 'pretrained', [3]),
    (ReIDModel, 'neck', [None, 'PartPoolingNeck', {}]),
    (ReIDModel, 'head', [None, 'BNNeckHead', {}]),
    (ReIDModel, 'backbone', [None, {'type': 3}]),
    (ReIDModel, 'data_preprocessor', ['x', {'type': None}]),
]
NEEDED = {
    MSViT: tiny_backbone(),
    BNNeckHead: {'num_classes': 3},
    SingleBNNeckHead: {'num_classes': 3},
    GlobalPoolingNeck: {'pooling': 'gem'},
    ReIDModel: {key: value for key, value in tiny_reid_model().items() if key != 'type'},
}


@pytest.mark.parametrize(
    ('kind', 'option', 'value'),
    [(kind, option, value) for kind, option, values in VALUES for value in values],
)
def test_a_value_that_cannot_be_is_one_sentence(kind, option, value):
    with pytest.raises(ConfigError, match=option):
        MODELS.build({**NEEDED.get(kind, {}), 'type': kind, option: value})


@pytest.mark.parametrize('key', ['dims', 'blocks', 'heads'])
@pytest.mark.parametrize('value', [None, (), 8, (0, 8, 8, 8), ('a', 8, 8, 8)])
def test_numbers_of_a_free_size(key, value):
    with pytest.raises(ConfigError, match=key):
        MSViT(arch={**TINY_ARCH, key: value}, split_size=(2, 2), sparse_ratio=0.5)


def batch(count=4):
    vectors = list(torch.randn(2, count, 8, generator=torch.Generator().manual_seed(0)))
    return vectors, [ReIDDataSample(label=index // 2) for index in range(count)]


def test_without_a_triplet_loss_the_classifiers_train_alone():
    vectors, samples = batch()
    head = BNNeckHead(num_classes=2, num_vectors=2, in_channels=8, loss_triplet=None)
    losses = head.loss(vectors, samples)
    assert set(losses) == {'loss', 'ce', 'acc'}
    torch.testing.assert_close(losses['loss'].detach(), losses['ce'])
    head.load_state_dict(BNNeckHead(num_classes=2, num_vectors=2, in_channels=8).state_dict())


def test_options_of_a_loss_need_no_type():
    head = BNNeckHead(num_classes=2, loss_triplet={'margin': 0.3}, loss_cls={})
    assert [loss.margin for loss in head.losses_triplet] == [0.3] * 3
    assert isinstance(head.loss_cls, nn.CrossEntropyLoss)


HEADS = [
    BNNeckHead(num_classes=2, num_vectors=2, in_channels=8),
    SingleBNNeckHead(num_classes=2, num_vectors=2, in_channels=8),
]


@pytest.mark.parametrize('head', HEADS, ids=lambda head: type(head).__name__)
def test_a_batch_that_a_head_cannot_train_with(head):
    vectors, samples = batch()
    with pytest.raises(ConfigError, match=r'batch_size .*drop_last'):
        head.train()([vector[:1] for vector in vectors])
    assert head.eval()([vector[:1] for vector in vectors])[0].shape[0] == 1
    with pytest.raises(ConfigError, match=r'in_channels'):
        head([vector[:, :6] for vector in vectors])
    samples[-1].label = 7
    with pytest.raises(ConfigError, match=r'class 7, and model\.head\.num_classes=2'):
        head.train().loss(vectors, samples)


def test_several_processes_may_have_an_image_each():
    head = nn.SyncBatchNorm.convert_sync_batchnorm(BNNeckHead(num_vectors=2, in_channels=8))
    vectors, _ = batch(1)
    with pytest.raises((RuntimeError, ValueError)) as caught:  # torch's, without a group
        head.train()(vectors)
    assert not isinstance(caught.value, ConfigError)
