import math

import pytest
import torch
from torch.nn import functional as F

from msvitreid.errors import ConfigError
from msvitreid.models import BatchHardTripletLoss

LABELS = torch.tensor([0, 0, 1, 1])
LINE = torch.tensor([[0.0], [1.0], [3.0], [7.0]])


def oracle(features, labels, margin):
    """Anchor by anchor; of distances that tie, the gradient is their mean's."""
    terms = []
    for i, (anchor, label) in enumerate(zip(features, labels, strict=True)):
        distances = [
            (anchor - other).square().sum().clamp(min=1e-12).sqrt() for other in features
        ]
        positives = [d for j, d in enumerate(distances) if labels[j] == label and j != i]
        negatives = [d for j, d in enumerate(distances) if labels[j] != label]
        gap = mean_of_ties(positives, max(positives)) - mean_of_ties(negatives, min(negatives))
        terms.append(F.softplus(gap) if margin is None else F.relu(gap + margin))
    return torch.stack(terms).mean()


def mean_of_ties(distances, chosen):
    return torch.stack([d for d in distances if d == chosen]).mean()


def test_hand_computed():
    # farthest positive minus nearest negative: 1-3, 1-2, 4-2, 4-6
    soft = BatchHardTripletLoss(normalize=False)(LINE, LABELS)
    expected = sum(math.log1p(math.exp(gap)) for gap in (-2, -1, 2, -2)) / 4
    assert soft.item() == pytest.approx(expected, rel=1e-6)
    hinge = BatchHardTripletLoss(margin=0.5, normalize=False)(LINE, LABELS)
    assert hinge.item() == pytest.approx(2.5 / 4, rel=1e-6)


def random_labels(count):
    """Of three identities, each with two images at least."""
    labels = torch.randint(0, 3, (count,))
    labels[:6] = torch.tensor([0, 0, 1, 1, 2, 2])
    return labels


def distinct(count):
    return torch.randn(count, 5, dtype=torch.float64)


def on_the_axes(count):
    """Multiples of unit vectors: their cosines are exactly 0, 1 and -1."""
    axes = F.one_hot(torch.randint(0, 4, (count,)), 4).double()
    return axes * torch.tensor([-4.0, -1.0, 2.0, 3.0])[torch.randint(0, 4, (count, 1))]


def on_a_lattice(count):
    return torch.randint(-1, 2, (count, 3)).double()


@pytest.mark.parametrize('margin', [None, 0.3])
@pytest.mark.parametrize('count', [7, 12, 13])
@pytest.mark.parametrize(
    ('draw', 'normalize'), [(distinct, True), (on_the_axes, True), (on_a_lattice, False)]
)
def test_value_and_gradient_equal_the_loop(draw, normalize, count, margin):
    torch.manual_seed(0)
    features = draw(count).requires_grad_()
    labels = random_labels(count)
    expected = oracle(F.normalize(features) if normalize else features, labels, margin)
    (wanted,) = torch.autograd.grad(expected, features)
    loss = BatchHardTripletLoss(margin, normalize)(features, labels)
    (found,) = torch.autograd.grad(loss, features)
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(found, wanted)


@pytest.mark.parametrize('margin', [None, 0.3])
def test_autocast_changes_nothing(margin):
    torch.manual_seed(0)
    features, labels = distinct(9).float().requires_grad_(), random_labels(9)
    expected = BatchHardTripletLoss(margin)(features, labels)
    with torch.autocast('cpu', torch.bfloat16):
        found = BatchHardTripletLoss(margin)(features, labels)
    assert torch.equal(found, expected)
    assert torch.equal(*(torch.autograd.grad(loss, features)[0] for loss in (found, expected)))


def test_identical_features_have_finite_gradient():
    features = torch.ones(4, 3, requires_grad=True)
    BatchHardTripletLoss()(features, LABELS).backward()
    assert features.grad.isfinite().all()


def test_half_precision_is_computed_in_float32():
    features = (LINE * 1e3).half()
    loss = BatchHardTripletLoss(margin=0.0, normalize=False)(features, LABELS)
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(500, rel=1e-3)


@pytest.mark.parametrize(
    ('labels', 'sentence'),
    [
        ([0, 1, 2, 3], '4 of 4 images of the batch have no positive'),
        ([0, 0, 0, 1], '1 of 4 images of the batch have no positive'),
        ([5, 5, 5, 5], '4 of 4 images of the batch have no negative'),
    ],
)
def test_a_batch_without_positive_or_negative(labels, sentence):
    with pytest.raises(ConfigError, match=sentence):
        BatchHardTripletLoss()(LINE, torch.tensor(labels))
