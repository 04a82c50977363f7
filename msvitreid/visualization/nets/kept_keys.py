"""Which keys a token's sparse attention keeps, as the net itself selects them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from msvitreid.errors import ConfigError
from msvitreid.models import ReIDModel
from msvitreid.models.backbones import JoinedNets, SparseGridAttention
from msvitreid.models.kernels import mask_of_largest, sparse_softmax


@dataclass(frozen=True, eq=False)
class KeptKeys:
    """Attention of one query token in the last attention block of a stage.

    Attributes:
        stage: from 1 on, one for each size of map.
        block: name of the block in the net.
        map_size: rows and columns of the stage's map.
        token: row and column of the query token.
        keys: ``(T, 2)`` rows and columns of the tokens of its group.
        kept: ``(heads, T)`` booleans, which of them it keeps.
        shares: ``(heads, T)`` softmax over the kept ones, 0 elsewhere.
    """

    stage: int
    block: str
    map_size: tuple[int, int]
    token: tuple[int, int]
    keys: np.ndarray
    kept: np.ndarray
    shares: np.ndarray


@dataclass(frozen=True, eq=False)
class Attention:
    """What a net attends to in one image.

    Attributes:
        stages: one for each size of map, the finest first.
        branches: ``(h, w)`` root mean square over the channels of each branch's map.
    """

    stages: list[KeptKeys]
    branches: list[np.ndarray]


@torch.no_grad()
def attention_of(
    model: ReIDModel, image: Tensor, token: tuple[int, int] | None = None
) -> Attention:
    """The keys that one token keeps at every stage of the net.

    Args:
        model: whose backbone has :class:`SparseGridAttention`, in evaluation mode.
        image: ``(3, H, W)`` uint8, prepared as for the net.
        token: row and column in the coarsest map with attention; at finer ones it is the token
            at the center of this one's area. By default the middle of the map.

    Raises:
        ConfigError: several nets are joined, the backbone has no such attention, or the token is
            not in the map.
    """
    if isinstance(model.backbone, JoinedNets):
        raise ConfigError(
            'several nets are joined in this one, each with attention of its own; give the model '
            'file of one of them'
        )
    device = next(model.parameters()).device
    inputs = model.data_preprocessor({'inputs': image[None].to(device)})['inputs']
    with _seen_by_attention(model.backbone) as seen:
        maps = model.backbone(inputs)
    last = {tuple(q.shape[-2:]): (name, q, k) for name, q, k in seen}
    rows, columns = min(last, key=lambda size: size[0] * size[1])
    token = (rows // 2, columns // 2) if token is None else token
    if not (0 <= token[0] < rows and 0 <= token[1] < columns):
        raise ConfigError(
            f'token {token[0]},{token[1]} lies outside of the {rows}x{columns} map of the last '
            f'stage with attention; rows are 0 to {rows - 1}, columns 0 to {columns - 1}'
        )
    modules = dict(model.backbone.named_modules())
    stages = []
    for number, ((height, width), (name, q, k)) in enumerate(last.items(), start=1):
        place = (
            int((token[0] + 0.5) * height / rows),
            int((token[1] + 0.5) * width / columns),
        )
        attention = modules[name]
        assert isinstance(attention, SparseGridAttention)
        kept, shares = selection(attention, q, k)
        positions = attention.positions(height, width)
        index = place[0] * width + place[1]
        row, column, query = (int(one) for one in (positions == index).nonzero()[0])
        members = positions[row, column].numpy()
        stages.append(
            KeptKeys(
                number,
                name,
                (height, width),
                place,
                np.stack(np.divmod(members, width), axis=1),
                kept[0, row, column, :, query].cpu().numpy(),
                shares[0, row, column, :, query].float().cpu().numpy(),
            )
        )
    branches = [_strength(one[0]) for one in maps]
    return Attention(stages, branches)


def selection(attention: SparseGridAttention, q: Tensor, k: Tensor) -> tuple[Tensor, Tensor]:
    """What an attention keeps and how it is weighted, of the maps that it is given.

    Returns:
        ``(B, H / H_sp, W / W_sp, heads, tokens, tokens)`` booleans, exactly ``num_kept`` of each
        query, and the softmax of the same shape.
    """
    logits = attention.logits(q, k)
    return (
        mask_of_largest(logits, attention.num_kept),
        sparse_softmax(logits, attention.num_kept),
    )


@contextmanager
def _seen_by_attention(backbone: nn.Module) -> Iterator[list[tuple[str, Tensor, Tensor]]]:
    """Name, queries and keys of every attention that is computed in the block, in order."""
    seen: list[tuple[str, Tensor, Tensor]] = []
    handles = [
        module.register_forward_pre_hook(
            lambda _, inputs, name=name: seen.append((name, inputs[0], inputs[1]))
        )
        for name, module in backbone.named_modules()
        if isinstance(module, SparseGridAttention)
    ]
    if not handles:
        raise ConfigError(
            f'the backbone {type(backbone).__name__} has no SparseGridAttention, so there are no '
            'kept keys to show; give a model with the backbone MSViT'
        )
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()


def _strength(map_: Tensor) -> np.ndarray:
    """``(C, h, w)`` to the root mean square over the channels, ``(h, w)``."""
    return map_.float().square().mean(dim=0).sqrt().cpu().numpy()
