"""The bytes that the forward benchmark takes for the limit of a net."""

from __future__ import annotations

import importlib

import pytest
import torch
from torch import nn

from tests.tools.user import REPOSITORY


@pytest.fixture
def benchmark(monkeypatch):
    monkeypatch.syspath_prepend(str(REPOSITORY / 'tools' / 'analysis_tools'))
    return lambda name: importlib.import_module(f'benchmarks.{name}')


@pytest.mark.parametrize(('amp', 'bytes_a_number'), [(False, 4), (True, 2)])
def test_bytes_of_layers(benchmark, amp, bytes_a_number):
    setting = benchmark('device').Setting(torch.device('cpu'), amp)
    net = nn.Sequential(
        nn.Conv2d(3, 8, 1, bias=False),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Conv2d(8, 2, 1),
    ).eval()
    moved = benchmark('bandwidth').moved_bytes(net, torch.zeros(1, 3, 5, 5), setting)
    image, weights = 3 * 25, 3 * 8 + 8 * 2 + 2
    # The first layer writes 8 channels that the second reads, and that writes 2.
    maps = (8 + 8 + 2) * 25
    assert moved == 4 * (image + weights) + bytes_a_number * maps
    assert not net[0]._forward_hooks


def test_bytes_of_the_net_grow_with_the_batch(benchmark):
    """All but the weights' do."""
    setting = benchmark('device').Setting(torch.device('cpu'))
    nets, moved_bytes = benchmark('nets'), benchmark('bandwidth').moved_bytes
    model = nets.published('s').eval()
    one, two, three = (moved_bytes(model, nets.images(n), setting) for n in (1, 2, 3))
    assert three - two == two - one
    in_layers = sum(p.numel() for name, p in model.named_parameters() if '.norm' not in name)
    assert 2 * one - two == pytest.approx(4 * in_layers, rel=0.01)


def test_bandwidth_is_that_of_the_fastest_copy(benchmark, monkeypatch):
    module = benchmark('bandwidth')
    monkeypatch.setattr(module, 'COPIED_BYTES', 1000)
    monkeypatch.setattr(module, 'paired', lambda functions: {'copy': (0.5, 0.25, 1.0)})
    setting = benchmark('device').Setting(torch.device('cpu'))
    assert module.copy_bandwidth(setting) == 2 * 1000 * module.COPIES / 0.25
