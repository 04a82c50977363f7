import math

import pytest
import torch
from torch.nn import functional as F

from msvitreid.errors import ConfigError
from msvitreid.models import SingleBNNeckHead
from msvitreid.structures import ReIDDataSample

LABELS = [0, 0, 1, 1]


def samples():
    return [ReIDDataSample(label=label) for label in LABELS]


def vectors():
    return list(torch.randn(2, 4, 8, generator=torch.Generator().manual_seed(0)))


def make_head(**options):
    head = SingleBNNeckHead(**{'num_classes': 3, 'num_vectors': 2, 'in_channels': 8, **options})
    head.init_weights()
    return head


def test_the_feature_is_the_normalized_row_of_all_vectors():
    (feature,) = make_head()(vectors())
    row = torch.cat(vectors(), dim=1)
    expected = (row - row.mean(0)) / (row.var(0, unbiased=False) + 1e-5).sqrt()
    torch.testing.assert_close(feature, expected)


def test_the_triplet_loss_sees_the_vectors_and_the_classifier_the_feature():
    head = make_head(triplet_weight=0.5)
    losses = head.loss(vectors(), samples())
    row = torch.cat(vectors(), dim=1)
    distances = torch.cdist(row, row)
    positive = [distances[0, 1], distances[1, 0], distances[2, 3], distances[3, 2]]
    negative = [distances[i, slice(2, 4) if i < 2 else slice(0, 2)].min() for i in range(4)]
    triplet = sum(
        max(0.0, (p - n + 0.3).item()) for p, n in zip(positive, negative, strict=True)
    )
    (feature,) = head(vectors())
    ce = F.cross_entropy(feature @ head.classifier.weight.T, torch.tensor(LABELS))
    assert losses['triplet'].item() == pytest.approx(triplet / 4, rel=1e-5)
    assert losses['ce'].item() == pytest.approx(ce.item(), rel=1e-5)
    assert losses['loss'].item() == pytest.approx(ce.item() + 0.5 * triplet / 4, rel=1e-5)


def test_without_a_triplet_loss():
    losses = make_head(loss_triplet=None, num_classes=100).loss(vectors(), samples())
    assert set(losses) == {'loss', 'ce', 'acc'}
    assert losses['loss'].item() == pytest.approx(math.log(100), abs=0.02)


def test_the_bias_is_frozen_and_the_scale_is_not():
    norm = make_head().norm
    assert (norm.weight.requires_grad, norm.bias.requires_grad) == (True, False)


def test_without_classes_it_takes_a_trained_heads_weights_but_the_classifier():
    trained, bare = make_head(), make_head(num_classes=None)
    trained.norm.running_mean.fill_(2)
    bare.load_state_dict(trained.state_dict())
    assert bare.norm.running_mean.tolist() == [2] * 16
    with pytest.raises(ConfigError, match=r'SingleBNNeckHead .*num_classes'):
        bare.loss(vectors(), samples())
