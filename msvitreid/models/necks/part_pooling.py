from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch
from mmengine.model import BaseModule
from torch import Tensor

from msvitreid.errors import ConfigError
from msvitreid.registry import MODELS
from msvitreid.registry.checked import checked
from msvitreid.registry.components import CountOrZero


@MODELS.register_module()
@checked
class PartPoolingNeck(BaseModule):
    """Pool a global and a part map into ``3 + num_parts`` vectors.

    The vectors are, in this order: root mean square of the global map, root mean square of
    the part map, maximum of the global map, then the maximum of each part of the part map.
    A backbone that gives one map has it used for both.

    Args:
        num_parts: horizontal parts ``P``; 0 for the three vectors of whole maps only.
        part_mode: 'interleaved' takes rows ``i::P`` as part i; 'contiguous' cuts the map
            into chunks of ``ceil(rows / P)`` rows, the last one shorter.

    Source: the multiple sparse vision transformer's interleaved part pooling.
    """

    def __init__(
        self,
        num_parts: CountOrZero = 2,
        part_mode: Literal['interleaved', 'contiguous'] = 'interleaved',
        init_cfg: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
    ) -> None:
        super().__init__(init_cfg=init_cfg)
        self.num_parts = num_parts
        self.part_mode = part_mode

    def count_vectors(self, num_maps: int) -> int:
        """How many vectors come of one map or of two."""
        return 3 + self.num_parts

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:
        """One or two ``(N, C, H, W)`` maps to ``3 + num_parts`` vectors ``(N, C)``.

        Raises:
            ConfigError: the map has too few rows for the parts, or there are more than two.
        """
        if not 1 <= len(maps) <= 2:
            raise ConfigError(f'PartPoolingNeck takes one or two maps, got {len(maps)}')
        global_map, part_map = maps[0], maps[-1]
        return [
            root_mean_square(global_map),
            root_mean_square(part_map),
            global_map.amax(dim=(2, 3)),
            *(part.amax(dim=(2, 3)) for part in self._parts(part_map)),
        ]

    def rows_of_parts(self, rows: int) -> list[list[int]]:
        """The rows of a map of ``rows`` rows that each part is pooled from.

        Raises:
            ConfigError: the map has too few rows for the parts.
        """
        numbers = torch.arange(rows).view(1, 1, rows, 1)
        return [part.flatten().tolist() for part in self._parts(numbers)]

    def _parts(self, part_map: Tensor) -> list[Tensor]:
        if self.num_parts == 0:
            return []
        rows = part_map.shape[2]
        if self.part_mode == 'interleaved':
            parts = [part_map[:, :, i :: self.num_parts] for i in range(self.num_parts)]
        else:
            parts = list(part_map.split(math.ceil(rows / self.num_parts), dim=2))
        if len(parts) != self.num_parts or not all(part.shape[2] for part in parts):
            raise ConfigError(
                f'a map of {rows} rows cannot be cut into {self.num_parts} {self.part_mode} '
                'parts; lower num_parts'
            )
        return parts


def root_mean_square(x: Tensor) -> Tensor:
    """``sqrt(mean(x^2))`` over the map: ``(N, C, H, W)`` to ``(N, C)``, in float32 at least.

    Dead channels are common; where the mean is 0 the gradient is 0 instead of NaN.
    """
    mean = x.to(torch.promote_types(x.dtype, torch.float32)).square().mean(dim=(2, 3))
    alive = mean > 0
    return torch.where(alive, mean, 1.0).sqrt().where(alive, 0.0)
