from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import torch
from annotated_types import Gt
from mmengine.model import BaseModule
from torch import Tensor, nn

from msvitreid.models.autocasting import without_autocast
from msvitreid.registry import MODELS
from msvitreid.registry.checked import checked

from .part_pooling import root_mean_square

#: Least value that is raised to GeM's power.
EPSILON = 1e-6


@MODELS.register_module()
@checked
class GlobalPoolingNeck(BaseModule):
    """Pool each map of the backbone as a whole: one vector a map.

    Args:
        pooling: 'avg', 'max', 'rms' (root mean square) or 'gem' (generalized mean, whose
            power is learned).
        power: GeM's power before training; 1 is the mean, infinity the maximum.

    Source of GeM: Radenovic, Tolias and Chum, "Fine-tuning CNN image retrieval with no human
    annotation", 2018.
    """

    def __init__(
        self,
        pooling: Literal['avg', 'max', 'rms', 'gem'] = 'avg',
        power: Annotated[float, Gt(0)] = 3.0,
        init_cfg: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
    ) -> None:
        super().__init__(init_cfg=init_cfg)
        poolings = {
            'avg': lambda x: x.mean(dim=(2, 3)),
            'max': lambda x: x.amax(dim=(2, 3)),
            'rms': root_mean_square,
            'gem': self._generalized_mean,
        }
        self.pooling = pooling
        self._pool = poolings[pooling]
        if pooling == 'gem':
            self.power = nn.Parameter(torch.tensor(float(power)))

    @staticmethod
    def count_vectors(num_maps: int) -> int:
        """How many vectors come of so many maps."""
        return num_maps

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:
        """``(N, C, H, W)`` maps to as many vectors ``(N, C)``.

        What is a vector already, such as a transformer's class token, stays as it is.
        """
        return [x if x.dim() == 2 else self._pool(x) for x in maps]

    def _generalized_mean(self, x: Tensor) -> Tensor:
        x = x.to(torch.promote_types(x.dtype, torch.float32)).clamp(min=EPSILON)
        # Powers of what is at most 1, and 1 somewhere: none of a dead channel's is lost.
        largest = x.detach().amax(dim=(2, 3), keepdim=True)
        with without_autocast(x.device):
            mean = (x / largest).pow(self.power).mean(dim=(2, 3))
            return largest.flatten(1) * mean.pow(1 / self.power)
