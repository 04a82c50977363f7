import pytest
import torch

from msvitreid.models import MSViT
from tests.models.tiny import tiny_backbone


def step(with_cp):
    torch.manual_seed(0)
    net = MSViT(**tiny_backbone(), out_channels=8, drop_path_rate=0.5, with_cp=with_cp)
    net.train()
    kept = 0

    def keep(tensor):
        nonlocal kept
        kept += tensor.numel()
        return tensor

    torch.manual_seed(1)
    images = torch.randn(4, 3, 64, 32)
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        maps = net(images)
    sum(m.square().sum() for m in maps).backward()
    gradients = [p.grad for p in net.parameters()]
    return maps, gradients, dict(net.named_buffers()), kept


def test_the_same_numbers_from_less_memory():
    maps, gradients, buffers, kept = step(with_cp=False)
    again, same_gradients, same_buffers, less = step(with_cp=True)
    for one, other in zip([*maps, *gradients], [*again, *same_gradients], strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)
    assert all(torch.equal(buffers[name], same_buffers[name]) for name in buffers)
    assert less < kept / 3


@pytest.mark.parametrize('with_cp', [False, True])
def test_evaluation_keeps_nothing(with_cp):
    net = MSViT(**tiny_backbone(), out_channels=8, with_cp=with_cp).eval()
    with torch.no_grad():
        assert not net(torch.randn(2, 3, 64, 32))[0].requires_grad
