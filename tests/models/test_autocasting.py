"""Autocast is off inside, and as it was outside."""

from __future__ import annotations

from contextlib import nullcontext

import pytest
import torch

from msvitreid.models.autocasting import without_autocast

CPU = torch.device('cpu')


@pytest.mark.parametrize('outside', [nullcontext(), torch.autocast('cpu', torch.bfloat16)])
def test_products_in_the_type_of_the_input(outside):
    x = torch.ones(2, 2)
    with outside:
        was_on = torch.is_autocast_enabled('cpu')
        with without_autocast(CPU):
            assert (x @ x).dtype == torch.float32
        assert torch.is_autocast_enabled('cpu') == was_on


def test_nothing_is_left_in_an_exported_graph():
    class Net(torch.nn.Module):
        def forward(self, x):
            with without_autocast(x.device):
                return x + 1

    nodes = torch.export.export(Net(), (torch.ones(2),)).graph.nodes
    assert [node.name for node in nodes] == ['x', 'add', 'output']
