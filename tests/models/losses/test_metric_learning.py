import math
import sys

import numpy as np
import pytest
import torch
from torch import distributed
from torch.nn import functional as F

from msvitreid.errors import ConfigError
from msvitreid.models import BNNeckHead, MetricLearningLoss, SingleBNNeckHead
from msvitreid.registry import MODELS
from msvitreid.structures import ReIDDataSample
from tests.processes import run_ranks
from tests.test_import import modules_after

LABELS = torch.tensor([0, 0, 1, 1, 2, 2])
FEATURES = torch.randn(6, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
ARCFACE = dict(type='MetricLearningLoss', loss='ArcFaceLoss', margin=28.6, scale=16)


def circle(features, labels, m, gamma):
    """Anchor by anchor; Sun et al., "Circle loss", 2020, equation 6."""
    cosine = F.normalize(features) @ F.normalize(features).T
    terms = []
    for i, row in enumerate(cosine):
        same = [s for j, s in enumerate(row) if labels[j] == labels[i] and j != i]
        other = [s for j, s in enumerate(row) if labels[j] != labels[i]]
        near = sum(torch.exp(-gamma * max(1 + m - s, 0) * (s - (1 - m))) for s in same)
        far = sum(torch.exp(gamma * max(s + m, 0) * (s - m)) for s in other)
        terms.append(torch.log1p(near * far))
    return sum(terms) / len(terms)


def arcface(features, labels, weight, margin, scale):
    cosine = F.normalize(features) @ F.normalize(weight, dim=0)
    rows = torch.arange(len(labels))
    angle = cosine[rows, labels].acos()
    shifted = torch.where(
        angle <= math.pi - margin,
        torch.cos(angle + margin),
        cosine[rows, labels] - margin * math.sin(margin),
    )
    logits = cosine.clone()
    logits[rows, labels] = shifted
    return F.cross_entropy(scale * logits, labels)


def test_circle_loss():
    loss = MetricLearningLoss('CircleLoss', m=0.25, gamma=8)
    torch.testing.assert_close(loss(FEATURES, LABELS), circle(FEATURES, LABELS, 0.25, 8))


def test_arcface():
    loss = MODELS.build({**ARCFACE, 'num_classes': 3, 'in_channels': 4}).double()
    expected = arcface(FEATURES, LABELS, loss.loss.W, math.radians(28.6), 16)
    torch.testing.assert_close(loss(FEATURES, LABELS), expected)


@pytest.mark.parametrize(
    ('loss', 'shape'),
    [
        # Through *args of a base, under another name, and rows for columns.
        ('CosFaceLoss', (4, 3)),
        ('P2SGradLoss', (4, 3)),
        ('ProxyAnchorLoss', (3, 4)),
    ],
)
def test_weights_for_each_class(loss, shape):
    built = MetricLearningLoss(loss, num_classes=3, in_channels=4)
    assert [tuple(weight.shape) for weight in built.parameters()] == [shape]


def test_what_a_loss_can_do_without_it_is_not_given_it():
    # With num_classes it would learn a margin for each class.
    built = MetricLearningLoss('MarginLoss', num_classes=3, in_channels=4, learn_beta=True)
    assert [tuple(weight.shape) for weight in built.parameters()] == [(1,)]


def test_half_precision_is_computed_in_float32():
    loss = MetricLearningLoss('CircleLoss', m=0.25, gamma=8)
    with torch.autocast('cpu', torch.bfloat16):
        found = loss(FEATURES.half(), LABELS)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, circle(FEATURES.half().float(), LABELS, 0.25, 8))


def test_a_batch_without_pairs_has_no_loss_but_a_gradient():
    features = FEATURES.clone().requires_grad_()
    loss = MetricLearningLoss('CircleLoss')(features, torch.arange(6))
    loss.backward()
    assert (loss.item(), features.grad.abs().max().item()) == (0, 0)


@pytest.mark.parametrize(
    ('head', 'filled', 'weights'),
    [
        (BNNeckHead, [(8, 3)] * 3, 'losses_triplet.2.loss.W'),
        (SingleBNNeckHead, [(16, 3)], 'loss_triplet.loss.W'),
    ],
)
def test_the_head_gives_it_and_leaves_its_weights_out_of_a_test(head, filled, weights):
    vectors = 5 if head is BNNeckHead else 2
    settings = dict(num_vectors=vectors, in_channels=8, loss_triplet=ARCFACE)
    trained = head(num_classes=3, **settings)
    assert [tuple(p.shape) for n, p in trained.named_parameters() if n.endswith('.W')] == filled
    losses = trained.loss(
        [torch.randn(4, 8) for _ in range(vectors)],
        [ReIDDataSample(label=label) for label in (0, 0, 1, 1)],
    )
    losses['loss'].backward()
    assert trained.get_parameter(weights).grad.abs().sum() > 0
    head(**settings).load_state_dict(trained.state_dict())


def loss_and_gradient(ranks):
    """A rank's loss, and the mean over ranks of the gradients of a layer and of the loss."""
    torch.manual_seed(0)
    layer = torch.eye(4, dtype=torch.float64, requires_grad=True)
    loss = MODELS.build({**ARCFACE, 'num_classes': 3, 'in_channels': 4}).double()
    rank = distributed.get_rank() if ranks > 1 else 0
    features, labels = FEATURES.chunk(ranks)[rank], LABELS.chunk(ranks)[rank]
    found = loss(features @ layer, labels)
    gradients = torch.autograd.grad(found, (layer, loss.loss.W))
    if ranks > 1:
        for gradient in gradients:
            distributed.all_reduce(gradient)
    return found.item(), [(gradient / ranks).numpy() for gradient in gradients]


def test_two_ranks_are_one_with_both_batches():
    loss, gradients = loss_and_gradient(1)
    for found, found_gradients in run_ranks(loss_and_gradient, 2, 2):
        assert found == pytest.approx(loss, rel=1e-12)
        for one, other in zip(found_gradients, gradients, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize(
    ('options', 'sentence'),
    [
        (dict(loss='CircelLoss'), r"no loss 'CircelLoss'; did you mean 'CircleLoss'"),
        (dict(loss='BaseMetricLossFunction'), "no loss 'BaseMetricLossFunction'"),
        (dict(loss='CircleLoss', margin=1), r"CircleLoss refuses .*'margin': 1.*'margin'"),
        (dict(loss='ArcFaceLoss'), r"ArcFaceLoss refuses .*'num_classes' and 'embedding_size'"),
    ],
)
def test_wrong_names_and_options_are_named(options, sentence):
    with pytest.raises(ConfigError, match=sentence):
        MODELS.build({'type': 'MetricLearningLoss', **options})


def test_without_the_library(monkeypatch):
    monkeypatch.setitem(sys.modules, 'pytorch_metric_learning', None)
    with pytest.raises(ConfigError, match=r"'CircleLoss' .*reid\[metric-learning\]"):
        MetricLearningLoss('CircleLoss')


def test_it_is_imported_by_those_who_use_it_only():
    (loaded,) = modules_after('import msvitreid.models')
    assert not {'pytorch_metric_learning', 'sklearn', 'timm'} & loaded
