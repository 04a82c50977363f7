"""Attention and parts as pictures: what is written on them is what was computed."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from msvitreid.visualization.nets import (
    AttentionRow,
    PartsRow,
    attention_of,
    draw_attention,
    draw_parts,
    pooled_vectors,
    similarity_shares,
)
from msvitreid.visualization.style import save
from tests.models.tiny import tiny_tested_net


@pytest.fixture(scope='module')
def model():
    return tiny_tested_net()


@pytest.fixture(scope='module')
def images():
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (2, 3, 64, 32), generator=generator, dtype=torch.uint8)


def pixels(image):
    return image.permute(1, 2, 0).numpy()


def test_attention(model, images, tmp_path):
    found = attention_of(model, images[0])
    rows = [
        AttentionRow('as it is', pixels(images[0]), found),
        AttentionRow('covered', pixels(images[0]), found, (0, 0, 64, 32)),
    ]
    figure = draw_attention(rows, r'$\a$.jpg')
    save(figure, tmp_path / 'a.png')
    panels = figure.axes[:8]
    assert panels[0].get_title() == 'stage 1, 8x4\n2 of 4 keys, 2 heads'
    assert panels[2].get_title().startswith('branch 1, 4x2')
    assert [ax.get_xlabel() for ax in panels[4:6]] == ['4 of 4 kept\nkeys in the box'] * 2
    with pytest.raises(ValueError, match='no image'):
        draw_attention([], '')


def test_kept_keys_lie_where_their_tokens_are(model, images):
    """A token of a 4x2 map of a 64x32 image is 16 pixels wide: centers at 7.5 and 23.5."""
    found = attention_of(model, images[0], (0, 0))
    figure = draw_attention([AttentionRow('', pixels(images[0]), found)], '')
    rings, dots = figure.axes[1].collections
    places = np.concatenate([rings.get_offsets(), dots.get_offsets()])
    assert sorted(map(tuple, places.tolist())) == [
        (7.5, 7.5),
        (7.5, 39.5),
        (23.5, 7.5),
        (23.5, 39.5),
    ]
    assert len(dots.get_offsets()) == found.stages[1].kept.any(axis=0).sum()


def test_parts(model, images, tmp_path):
    rows = [
        PartsRow(name, pixels(image), pooled_vectors(model, image))
        for name, image in zip('ab', images, strict=True)
    ]
    shares = similarity_shares(model, images, True)
    figure = draw_parts(rows, 'parts', shares)
    save(figure, tmp_path / 'p.pdf')
    bars = next(ax for ax in figure.axes if ax.get_title().startswith('similarity'))
    assert bars.get_title() == f'similarity {shares.similarity:.4f}'
    assert [bar.get_width() for bar in bars.patches] == pytest.approx(shares.shares.tolist())
    assert len(figure.axes[0].patches) == 4
    with pytest.raises(ValueError, match='no image'):
        draw_parts([], '')
