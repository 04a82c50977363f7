"""Kept keys; class of faults: a picture of a selection that is not the net's."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from msvitreid.errors import ConfigError
from msvitreid.models.backbones import SparseGridAttention
from msvitreid.models.kernels import sparse_softmax
from msvitreid.registry import MODELS
from msvitreid.visualization.nets import attention_of, keys_in_box, selection
from tests.models.tiny import joined_reid_model, tiny_tested_net


@pytest.fixture(scope='module')
def model():
    return tiny_tested_net()


@pytest.fixture
def image():
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (3, 64, 32), generator=generator, dtype=torch.uint8)


@pytest.mark.parametrize(
    ('split', 'size', 'kept'), [((8, 8), (24, 8), 19), ((7, 7), (14, 14), 14)]
)
@pytest.mark.parametrize('tied', [False, True])
def test_exactly_k_keys_of_every_query(split, size, kept, tied):
    """19 of 64 keys for 8x8 and ratio 0.3, 14 of 49 for 7x7; also where areas are constant."""
    torch.manual_seed(0)
    attention = SparseGridAttention(2, split, 0.3)
    q, k = torch.randn(2, 1, 8, *size)
    if tied:
        q[..., 4:, :] = k[..., 4:, :] = 0.5
    mask, shares = selection(attention, q, k)
    assert mask.sum(dim=-1).unique().tolist() == [kept]
    assert torch.equal(mask, shares > 0)
    assert torch.allclose(shares.sum(dim=-1), torch.ones(()))


def test_the_selection_gives_the_attention_output():
    torch.manual_seed(0)
    attention = SparseGridAttention(2, (4, 2), 0.5)
    q, k, v = torch.randn(3, 1, 4, 8, 4)
    _, shares = selection(attention, q, k)
    positions = attention.positions(8, 4)
    output = attention(q, k, v)
    # By hand: the second group from the top, the first from the left, its third token, head 1.
    members = positions[1, 0]
    values = v.flatten(2)[0, 2:, members]
    expected = values @ shares[0, 1, 0, 1, 2]
    assert torch.allclose(output.flatten(2)[0, 2:, members[2]], expected, atol=1e-6)


def test_positions_are_a_grid():
    """Rows of a group are equal modulo H / H_sp, here 2, its columns modulo W / W_sp, 2."""
    positions = SparseGridAttention(2, (4, 2), 0.5).positions(8, 4)
    assert positions.shape == (2, 2, 8)
    rows, columns = np.divmod(positions[1, 0].numpy(), 4)
    assert rows.tolist() == [1, 1, 3, 3, 5, 5, 7, 7]
    assert columns.tolist() == [0, 2, 0, 2, 0, 2, 0, 2]


def test_a_token_at_every_stage(model, image, monkeypatch):
    """The nonzero weights of the very softmax that the net computes are what is shown."""
    computed = []

    def recorded(logits, k):
        computed.append(sparse_softmax(logits, k))
        return computed[-1]

    monkeypatch.setattr(
        'msvitreid.models.backbones.sparse_grid_attention.sparse_softmax', recorded
    )
    found = attention_of(model, image, (3, 1))
    assert [one.map_size for one in found.stages] == [(8, 4), (4, 2)]
    assert [one.stage for one in found.stages] == [1, 2]
    assert [one.token for one in found.stages] == [(7, 3), (3, 1)]
    for keys, shares in zip(found.stages, computed, strict=True):
        heads, tokens = keys.kept.shape
        assert keys.kept.sum(axis=1).tolist() == [2] * heads
        assert np.array_equal(keys.kept, keys.shares > 0)
        groups_high, groups_wide = (n // 2 for n in keys.map_size)
        row, column = keys.token
        query = 2 * (row // groups_high) + column // groups_wide
        of_net = shares[0, row % groups_high, column % groups_wide, :, query]
        assert np.array_equal(keys.shares, of_net.numpy())
        group = row % groups_high, column % groups_wide
        assert (keys.keys % (groups_high, groups_wide) == group).all()
        assert tokens == 4
    assert [one.shape for one in found.branches] == [(4, 2), (4, 2)]


def test_hooks_are_gone(model, image):
    attention_of(model, image)
    with pytest.raises(ConfigError, match='4,0'):
        attention_of(model, image, (4, 0))
    hooks = [len(module._forward_pre_hooks) for module in model.modules()]
    assert sum(hooks) == 0


@pytest.mark.parametrize('token', [(4, 0), (0, 2), (-1, 0)])
def test_a_token_outside_of_the_map(model, image, token):
    with pytest.raises(ConfigError, match=f'token {token[0]},{token[1]} .* 4x2'):
        attention_of(model, image, token)


def test_a_backbone_without_sparse_attention(image):
    model = tiny_tested_net()
    model.backbone = nn.Conv2d(3, 4, 1)
    with pytest.raises(ConfigError, match='Conv2d has no SparseGridAttention'):
        attention_of(model, image)


def test_keys_in_a_box(model, image):
    keys = attention_of(model, image).stages[-1]
    heads = len(keys.kept)
    assert keys_in_box(keys, (0, 0, 64, 32), (64, 32)) == 2 * heads
    assert keys_in_box(keys, (0, 0, 0, 32), (64, 32)) == 0
    halves = [keys_in_box(keys, box, (64, 32)) for box in ((0, 0, 32, 32), (32, 0, 64, 32))]
    assert sum(halves) == 2 * heads


def test_joined_nets(image):
    with pytest.raises(ConfigError, match='several nets are joined'):
        attention_of(MODELS.build(joined_reid_model()).eval(), image)
