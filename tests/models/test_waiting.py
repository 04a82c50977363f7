"""The host does not wait for the device in a training step: one that does cannot run ahead of it.

The class of faults: ``item()`` and ``bool()`` of a tensor, an index of booleans, and a copy that
is not asynchronous, in what every iteration runs.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from msvitreid.models.kernels import sparse_softmax
from msvitreid.registry import MODELS
from msvitreid.structures import ReIDDataSample
from tests.fake_device import CUDA, WAITING, FakeDevice, move

from .tiny import tiny_reid_model

HEADS = {
    'published': dict(type='BNNeckHead', in_channels=16),
    'without triplet loss': dict(type='BNNeckHead', in_channels=16, loss_triplet=None),
    'bag of tricks': dict(type='SingleBNNeckHead', in_channels=16),
}
NECKS = {
    'parts': dict(type='PartPoolingNeck'),
    'gem': dict(type='GlobalPoolingNeck', pooling='gem'),
}


def model_of(head: str, neck: str = 'parts', **backbone: Any) -> torch.nn.Module:
    config = tiny_reid_model()
    config['head'] = dict(HEADS[head], num_classes=4)
    config['neck'] = NECKS[neck]
    config['backbone'].update(drop_path_rate=0.2, frozen_stages=0, **backbone)
    config['data_preprocessor'] = dict(
        batch_augments=[dict(type='BatchRandomErasing')], mean=[0.5] * 3, std=[0.2] * 3
    )
    torch.manual_seed(0)
    return MODELS.build(config).train()


def batch() -> dict[str, Any]:
    generator = torch.Generator().manual_seed(1)
    return {
        'inputs': torch.randint(0, 256, (8, 3, 64, 32), dtype=torch.uint8, generator=generator),
        'data_samples': [ReIDDataSample(label=number // 2) for number in range(8)],
    }


def losses(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    torch.manual_seed(2)
    data = model.data_preprocessor(batch(), training=True)
    found = model(**data, mode='loss')
    return {'total': model.parse_losses(found)[0], **found}


class NoWaiting(TorchDispatchMode):
    """Refuses, of tensors on the CPU, what the host would wait for on a device."""

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        name = func.overloadpacket.__name__
        indices = args[1] if name in ('index', 'index_put', 'index_put_') else ()
        masks = [x for x in indices if x is not None and x.dtype == torch.bool]
        assert name not in WAITING, name
        assert not masks, name
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize('head', HEADS)
@pytest.mark.parametrize('options', [{}, {'with_cp': True}, {'neck': 'gem'}], ids=str)
def test_forward_and_loss(head, options):
    """Nothing is waited for, and the losses are those of the CPU."""
    expected = losses(model_of(head, **options))
    with FakeDevice() as device:
        model = model_of(head, **options)
        move(model)
        device.waits.clear()
        found = losses(model)
        assert found['loss'].device == CUDA
    assert device.waits == []
    for name, value in expected.items():
        torch.testing.assert_close(found[name].held, value, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize('head', HEADS)
@pytest.mark.parametrize('options', [{}, {'with_cp': True}, {'neck': 'gem'}], ids=str)
def test_backward_and_step(head, options):
    model = model_of(head, **options)
    optimizer = torch.optim.SGD(model.parameters(), 0.05, momentum=0.9, nesterov=True)
    total = losses(model)['total']
    with NoWaiting():
        total.backward()
        # A step of SGD reads no gradient.
        optimizer.step()


@pytest.mark.parametrize(
    'wait',
    [
        lambda x: x.sum().item(),
        lambda x: bool(x.any()),
        lambda x: x[x > 0],
        lambda x: x.nonzero(),
        lambda x: x.cpu(),
        lambda x: x + torch.ones(3).to(CUDA),
    ],
)
def test_what_waits_is_seen(wait):
    with FakeDevice() as device:
        wait(torch.rand(3).to(CUDA, non_blocking=True))
    assert len(device.waits) == 1


def test_the_selection_of_a_device_is_what_runs_there():
    logits = torch.rand(2, 6)
    with FakeDevice() as device:
        found = sparse_softmax(logits.to(CUDA, non_blocking=True), 2)
    torch.testing.assert_close(found.held, sparse_softmax(logits, 2))
    assert device.waits == []
