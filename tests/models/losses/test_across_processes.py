import numpy as np
import pytest
import torch
from torch import distributed

from msvitreid.errors import ConfigError
from msvitreid.models import BatchHardTripletLoss
from msvitreid.models.losses.across_processes import gather_with_gradient
from tests.processes import run_ranks

LABELS = torch.tensor([0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5])
FEATURES = torch.randn(12, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def share(ranks):
    rank = distributed.get_rank()
    return FEATURES.chunk(ranks)[rank].clone(), LABELS.chunk(ranks)[rank]


def loss_and_gradient(ranks, **options):
    """A rank's loss, and the gradient of the mean over ranks as DDP makes it."""
    weight = torch.eye(4, dtype=torch.float64, requires_grad=True)
    features, labels = share(ranks)
    loss = BatchHardTripletLoss(**options)(features @ weight, labels)
    loss.backward()
    gradient = weight.grad
    distributed.all_reduce(gradient)
    return loss.item(), (gradient / ranks).numpy()


def joint(features, labels):
    weight = torch.eye(4, dtype=torch.float64, requires_grad=True)
    loss = BatchHardTripletLoss()(features @ weight, labels)
    loss.backward()
    return loss.item(), weight.grad.numpy()


@pytest.mark.parametrize('ranks', [2, 3])
def test_mining_across_ranks_is_mining_in_the_joint_batch(ranks):
    loss, gradient = joint(FEATURES, LABELS)
    for found_loss, found_gradient in run_ranks(loss_and_gradient, ranks, ranks):
        assert found_loss == pytest.approx(loss, rel=1e-12)
        np.testing.assert_allclose(found_gradient, gradient, rtol=1e-10, atol=1e-14)


def test_mining_in_each_ranks_own_batch():
    parts = [joint(*part) for part in zip(FEATURES.chunk(2), LABELS.chunk(2), strict=True)]
    found = run_ranks(lambda: loss_and_gradient(2, across_ranks=False), 2)
    assert [loss for loss, _ in found] == pytest.approx([loss for loss, _ in parts])
    assert parts[0][0] != pytest.approx(joint(FEATURES, LABELS)[0], rel=0.01)
    mean = (parts[0][1] + parts[1][1]) / 2
    np.testing.assert_allclose(found[0][1], mean, rtol=1e-10, atol=1e-14)


def test_one_identity_on_each_rank_is_enough():
    def one_identity():
        rank = distributed.get_rank()
        features, labels = FEATURES[2 * rank : 2 * rank + 2], LABELS[2 * rank : 2 * rank + 2]
        return BatchHardTripletLoss()(features, labels).item()

    expected, _ = joint(FEATURES[:4], LABELS[:4])
    assert run_ranks(one_identity, 2) == pytest.approx([expected, expected])


def test_a_lonely_image_is_refused_on_its_rank():
    def lonely():
        BatchHardTripletLoss()(FEATURES[:3], LABELS[:3])

    with pytest.raises(ConfigError, match=r'1 of 3 images .*positive'):
        run_ranks(lonely, 2)


def test_alone_nothing_is_gathered():
    assert gather_with_gradient(FEATURES) is FEATURES
