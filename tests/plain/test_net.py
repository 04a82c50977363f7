"""The net and its fast paths against the plain transcription: outputs and gradients."""

import pytest
import torch

from msvitreid.deployment.fused import fuse_for_inference
from msvitreid.registry import MODELS
from msvitreid.structures import ReIDDataSample
from tests.plain import net as plain


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def build(ratio=0.5, split=(2, 2), **head):
    torch.manual_seed(0)
    arch = {'dims': (8, 16, 16, 24), 'blocks': (1, 2, 3, 2), 'heads': (1, 2, 2)}
    backbone = dict(
        type='MSViT', arch=arch, split_size=split, sparse_ratio=ratio, out_channels=16
    )
    model = MODELS.build(
        dict(
            type='ReIDModel',
            backbone=backbone,
            neck=dict(type='PartPoolingNeck'),
            head=dict(type='BNNeckHead', in_channels=16, **head),
        )
    )
    return model.double()


# The share of keys kept: all, one, some; batches and maps of odd sizes.
CASES = [
    (1.0, (2, 2), 2, (64, 32)),
    (0.25, (2, 2), 1, (96, 32)),
    (0.3, (4, 2), 3, (64, 96)),
    (0.5, (1, 3), 5, (48, 48)),
]


@pytest.mark.parametrize(('ratio', 'split', 'count', 'size'), CASES, ids=str)
def test_evaluation(ratio, split, count, size):
    model = build(ratio, split).eval()
    images = torch.rand(count, 3, *size, dtype=torch.float64, generator=seeded(1))
    with torch.inference_mode():
        expected = plain.features(model, images)
        for net in (model, fuse_for_inference(model)):
            for one, other in zip(net(images), expected, strict=True):
                torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)
        torch.testing.assert_close(model.embed(images), plain.embed(model, images))


def labels_of(images):
    """Two images an identity; of an odd number, the last has three."""
    return (torch.arange(len(images)) // 2).clamp(max=len(images) // 2 - 1)


def step(model, images, labels):
    samples = [ReIDDataSample(label=int(label)) for label in labels]
    return model(images, samples, mode='loss')['loss']


@pytest.mark.parametrize('with_cp', [False, True])
@pytest.mark.parametrize(('ratio', 'split', 'count', 'size'), CASES, ids=str)
def test_training_step(ratio, split, count, size, with_cp):
    model = build(ratio, split, num_classes=7).train()
    model.backbone.with_cp = with_cp
    # Six, and odd numbers of images.
    images = torch.rand(count + 4, 3, *size, dtype=torch.float64, generator=seeded(1))
    labels = labels_of(images)
    expected = plain.loss(model, images, labels)
    weights = [p for p in model.parameters() if p.requires_grad]
    wanted = torch.autograd.grad(expected, weights)
    found = step(model, images, labels)
    # The head gives logits in float32.
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-7)
    # Some gradients are zero but for rounding.
    largest = max(gradient.abs().max().item() for gradient in wanted)
    for one, other in zip(torch.autograd.grad(found, weights), wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-7 * largest)


def test_training_step_under_autocast():
    """The loss is the plain net's, and the gradient no farther from float32's than its.

    bfloat16 moves the gradient of so small a net by half its length, the plain one's as well,
    so the two gradients say little about each other.
    """
    model = build(1.0, num_classes=7).float().train()
    images = torch.rand(7, 3, 64, 32, generator=seeded(1))
    labels = labels_of(images)
    exact = gradient(model, plain.loss(model, images, labels))
    with torch.autocast('cpu', torch.bfloat16):
        expected, found = plain.loss(model, images, labels), step(model, images, labels)
    torch.testing.assert_close(found, expected, rtol=0.02, atol=0)
    usual = (gradient(model, expected) - exact).norm()
    assert 0 < (gradient(model, found) - exact).norm() < 1.5 * usual


def test_recomputes_the_same_under_autocast():
    model = build(0.5, num_classes=7).float().train()
    images = torch.rand(5, 3, 64, 32, generator=seeded(1))
    gradients = []
    for model.backbone.with_cp in (False, True):
        with torch.autocast('cpu', torch.bfloat16):
            loss = step(model, images, labels_of(images))
        gradients.append(gradient(model, loss))
    assert torch.equal(*gradients)


def gradient(model, loss):
    weights = [p for p in model.parameters() if p.requires_grad]
    return torch.cat([g.flatten() for g in torch.autograd.grad(loss, weights)])
