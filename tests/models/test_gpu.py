"""What only a CUDA device can show; skipped without one."""

import pytest
import torch
from mmengine.optim import AmpOptimWrapper, OptimWrapper

from msvitreid.models.losses import BatchHardTripletLoss
from msvitreid.models.sampling import sample_images
from msvitreid.registry import MODELS
from msvitreid.structures import ReIDDataSample, UnpreparedImages

from .golden import golden, images, reid_net
from .tiny import tiny_reid_model

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a CUDA device'),
]


def test_golden_embedding_on_the_gpu():
    net = reid_net(2, split_size=(8, 8), sparse_ratio=0.3).eval().double().cuda()
    with torch.no_grad():
        embedding = net.embed(images(2, 384, 128, 2).double().cuda())
    expected = torch.from_numpy(golden('reid_s_384x128')['embedding'])
    assert (embedding.cpu() - expected).norm() < 1e-6 * expected.norm()


@pytest.mark.parametrize('dtype', ['float16', 'bfloat16'])
def test_amp_training_lowers_the_loss(dtype):
    torch.manual_seed(0)
    model = MODELS.build(tiny_reid_model(num_classes=4)).cuda().train()
    wrapper = AmpOptimWrapper(
        dtype=dtype, optimizer=torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    )
    data = {
        'inputs': torch.randint(0, 256, (8, 3, 64, 32), dtype=torch.uint8),
        'data_samples': [ReIDDataSample(label=i // 2) for i in range(8)],
    }
    losses = [model.train_step(data, wrapper)['loss'].item() for _ in range(20)]
    assert losses[-1] < 0.7 * losses[0]


def test_erasing_draws_the_same_on_every_device():
    augment = MODELS.build(dict(type='BatchRandomErasing'))
    batch = torch.rand(8, 3, 32, 16)
    torch.manual_seed(3)
    on_cpu = augment(batch)
    torch.manual_seed(3)
    on_gpu = augment(batch.cuda())
    assert torch.equal(on_cpu, on_gpu.cpu())


@pytest.mark.parametrize('mixed', [False, True], ids=['float32', 'float16'])
def test_a_training_step_does_not_wait_for_the_device(mixed):
    """Of float16 with a fused optimizer: the loss scaler reads a number for any other."""
    torch.manual_seed(0)
    config = tiny_reid_model(num_classes=4)
    config['data_preprocessor'] = dict(batch_augments=[dict(type='BatchRandomErasing')])
    model = MODELS.build(config).cuda().train()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, fused=True)
    wrapper = AmpOptimWrapper(optimizer=optimizer) if mixed else OptimWrapper(optimizer)
    images = torch.randint(0, 256, (8, 3, 64, 32), dtype=torch.uint8).pin_memory()
    data = {
        'inputs': images,
        'data_samples': [ReIDDataSample(label=i // 2) for i in range(8)],
    }
    for _ in range(3):  # cuDNN's choices, and the buffers of optimizer and scaler
        model.train_step(data, wrapper)
    torch.cuda.set_sync_debug_mode('error')
    try:
        losses = model.train_step(data, wrapper)
    finally:
        torch.cuda.set_sync_debug_mode('default')
    assert losses['loss'].isfinite()


def test_images_are_sampled_as_on_the_cpu():
    """But for numbers in the middle between two gray levels."""
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (40 * 30 + 7 * 9, 3), dtype=torch.uint8, generator=generator)
    batch = UnpreparedImages(
        pixels.pin_memory(),
        torch.tensor([[40, 30], [7, 9]]),
        torch.rand(2, 64, generator=generator) * torch.tensor([[39.0], [6.0]]),
        torch.rand(2, 32, generator=generator) * torch.tensor([[29.0], [8.0]]),
    )
    torch.cuda.set_sync_debug_mode('error')
    try:
        on_gpu = sample_images(batch, torch.device('cuda'))
    finally:
        torch.cuda.set_sync_debug_mode('default')
    difference = (on_gpu.cpu() - sample_images(batch, torch.device('cpu'))).abs() * 255
    assert difference.max() <= 1.001
    assert (difference > 0.5).float().mean() < 0.001


def test_the_triplet_loss_does_not_wait_for_the_device():
    features = torch.randn(8, 4, device='cuda', requires_grad=True)
    labels = torch.arange(8) // 2
    torch.cuda.set_sync_debug_mode('error')
    try:
        BatchHardTripletLoss()(features, labels).backward()
    finally:
        torch.cuda.set_sync_debug_mode('default')
    assert features.grad is not None
