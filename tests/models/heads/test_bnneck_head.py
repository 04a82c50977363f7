import math

import pytest
import torch

from msvitreid.errors import ConfigError
from msvitreid.models import BNNeckHead
from msvitreid.structures import ReIDDataSample

LABELS = [0, 0, 1, 1]


def samples(labels=LABELS):
    return [ReIDDataSample(label=label) for label in labels]


def vectors(count=5):
    torch.manual_seed(0)
    return list(torch.randn(count, 4, 8))


def make_head(**options):
    head = BNNeckHead(**{'num_classes': 3, 'in_channels': 8, **options})
    head.init_weights()
    return head


def test_features_are_batch_normalized_linear_outputs():
    head = make_head()
    features = head(vectors())
    expected = torch.nn.functional.batch_norm(
        vectors()[4] @ head.linears[4].weight.T, None, None, training=True
    )
    assert len(features) == 5
    torch.testing.assert_close(features[4], expected)


def test_total_is_the_weighted_mean():
    head = make_head(triplet_weight=0.5)
    features = head(vectors())
    logits = [c(f) for c, f in zip(head.classifiers, features, strict=True)]
    labels = torch.tensor(LABELS)
    ce, triplet = head.vector_losses(features, logits, labels, labels)
    losses = head.loss(vectors(), samples())
    total = (ce.sum() + 0.5 * triplet.sum()) / (5 + 0.5 * 3)
    assert losses['loss'].item() == pytest.approx(total.item())
    assert losses['ce'].item() == pytest.approx(ce.mean().item())
    assert losses['triplet'].item() == pytest.approx(triplet.mean().item())
    assert (len(ce), len(triplet)) == (5, 3)


def test_fresh_classifiers_give_the_log_of_the_class_number():
    head = make_head(num_classes=100)
    assert head.classifiers[0].weight.std().item() == pytest.approx(0.001, rel=0.1)
    losses = head.loss(vectors(), samples())
    assert losses['ce'].item() == pytest.approx(math.log(100), abs=0.01)


def test_without_triplet_vectors():
    losses = make_head(triplet_vectors=0).loss(vectors(), samples())
    assert 'triplet' not in losses
    assert losses['loss'].item() == pytest.approx(losses['ce'].item())


def test_frozen_biases():
    head = make_head()
    assert [n.bias.requires_grad for n in head.norms] == [True, True, False, False, False]
    assert all(n.weight.requires_grad for n in head.norms)


def test_without_classes_it_serves_inference_only():
    head = make_head(num_classes=None)
    full = make_head()
    head.load_state_dict(full.state_dict())
    head.eval(), full.eval()
    for own, other in zip(head(vectors()), full(vectors()), strict=True):
        assert torch.equal(own, other)
    with pytest.raises(ConfigError, match='built without num_classes'):
        head.loss(vectors(), samples())


def test_another_number_of_vectors():
    with pytest.raises(ConfigError, match=r'set model\.head\.num_vectors to 4'):
        make_head()(vectors(4))


def test_any_classification_loss_fits():
    loss_cls = dict(type='CrossEntropyLoss', label_smoothing=0.1)
    plain = make_head().loss(vectors(), samples())
    smoothed = make_head(loss_cls=loss_cls).loss(vectors(), samples())
    assert smoothed['ce'].item() != plain['ce'].item()
