"""What the vectors of part pooling are made of, and what each adds to a similarity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from msvitreid.errors import ConfigError
from msvitreid.models import PartPoolingNeck, ReIDModel


class PooledVector(NamedTuple):
    """Where one of the neck's vectors comes from.

    Attributes:
        name: of the map and the pooling.
        rows: rows of the map that it is pooled from.
        weights: ``(h, w)`` summing to 1: of a root mean square each place's share of the sum of
            squares, of a maximum the share of channels that have their maximum there.
        channels: that count; of a maximum those that are not constant.
    """

    name: str
    rows: list[int]
    weights: np.ndarray
    channels: int


@dataclass(frozen=True, eq=False)
class SimilarityShares:
    """The similarity of two images as a sum over vectors.

    Attributes:
        names: of the vectors.
        shares: ``(V,)`` what each adds; their sum is the inner product of the embeddings.
        cosines: ``(V,)`` of each vector by itself.
    """

    names: list[str]
    shares: np.ndarray
    cosines: np.ndarray

    @property
    def similarity(self) -> float:
        return float(self.shares.sum())


@torch.no_grad()
def pooled_vectors(model: ReIDModel, image: Tensor) -> list[PooledVector]:
    """The vectors that the neck pools of one image, ``(3, H, W)`` uint8, prepared.

    Raises:
        ConfigError: the neck is no :class:`PartPoolingNeck`.
    """
    neck = _neck(model)
    maps = model.backbone(_inputs(model, image[None]))
    global_map, part_map = (one[0].float().cpu() for one in (maps[0], maps[-1]))
    every_row = list(range(len(global_map[0])))
    of_parts = neck.rows_of_parts(part_map.shape[1])
    return [
        PooledVector('global: RMS', every_row, *_squares(global_map)),
        PooledVector('parts: RMS', list(range(part_map.shape[1])), *_squares(part_map)),
        PooledVector('global: max', every_row, *_maxima(global_map, every_row)),
        *(
            PooledVector(f'part {number}: max', rows, *_maxima(part_map, rows))
            for number, rows in enumerate(of_parts, start=1)
        ),
    ]


@torch.no_grad()
def similarity_shares(model: ReIDModel, images: Tensor, flip: bool) -> SimilarityShares:
    """What each vector adds to the similarity of two images, ``(2, 3, H, W)`` uint8, prepared.

    The embedding is the concatenation of the vectors' features, with ``flip`` summed over the
    image and its mirror image, at length 1; its inner product is a sum over the vectors.

    Raises:
        ConfigError: the neck is no :class:`PartPoolingNeck`.
    """
    neck = _neck(model)
    inputs = _inputs(model, images)
    features = model(inputs, mode='tensor')
    if flip:
        mirrored = model(inputs.flip(-1), mode='tensor')
        features = [one + other for one, other in zip(features, mirrored, strict=True)]
    features = [feature.double().cpu() for feature in features]
    lengths = torch.cat(features, dim=1).norm(dim=1)
    products = np.array([float(feature[0] @ feature[1]) for feature in features])
    own = np.array([float(feature.norm(dim=1).prod()) for feature in features])
    names = ['global: RMS', 'parts: RMS', 'global: max']
    names += [f'part {number}: max' for number in range(1, neck.num_parts + 1)]
    return SimilarityShares(
        names, products / float(lengths.prod()), products / np.maximum(own, 1e-12)
    )


def _neck(model: ReIDModel) -> PartPoolingNeck:
    if not isinstance(model.neck, PartPoolingNeck):
        raise ConfigError(
            f'the neck {type(model.neck).__name__} has no parts to show; give a model with the '
            'neck PartPoolingNeck'
        )
    return model.neck


def _inputs(model: ReIDModel, images: Tensor) -> Tensor:
    device = next(model.parameters()).device
    return model.data_preprocessor({'inputs': images.to(device)})['inputs']


def _squares(map_: Tensor) -> tuple[np.ndarray, int]:
    squares = map_.square().sum(dim=0).double()
    return (squares / squares.sum().clamp(min=1e-30)).numpy(), len(map_)


def _maxima(map_: Tensor, rows: list[int]) -> tuple[np.ndarray, int]:
    # Channels that are constant, as dead ones are, have their maximum nowhere.
    part = map_[:, rows].flatten(1)
    varied = part[part.amax(dim=1) > part.amin(dim=1)]
    counts = torch.bincount(varied.argmax(dim=1), minlength=part.shape[1]).double()
    weights = np.zeros(map_.shape[1:])
    weights[rows] = (counts / max(1, len(varied))).view(len(rows), -1).numpy()
    return weights, len(varied)
