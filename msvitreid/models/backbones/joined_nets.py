from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import torch
from annotated_types import MaxLen, MinLen
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn import functional as F

from msvitreid.errors import ConfigError
from msvitreid.models.build_part import build_part
from msvitreid.models.reid import ReIDModel
from msvitreid.registry import MODELS
from msvitreid.registry.checked import checked

MOST_NETS = 16


@MODELS.register_module()
@checked
class JoinedNets(BaseModule):
    """Trained nets side by side; their unit embeddings, one after the other, are one vector.

    The similarity of two images is then the mean of the nets' similarities. Where mirrored images
    are added it is nearly so: each net's vector has length 1 before they are added, not after.
    :func:`~msvitreid.models.joining.join_model_files` makes such a model.

    Args:
        nets: configs of :class:`~msvitreid.models.ReIDModel`, as model files state them, at most
            16; each normalizes the image in [0, 1] by the mean and deviation of its own
            preprocessor.

    Raises:
        ConfigError: one is of another kind.
    """

    def __init__(
        self,
        nets: Annotated[Sequence[Mapping[str, Any]], MinLen(1), MaxLen(MOST_NETS)],
        init_cfg: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
    ) -> None:
        super().__init__(init_cfg=init_cfg)
        self.nets = nn.ModuleList(
            build_part(f'model.backbone.nets.{number}', net, type='ReIDModel')
            for number, net in enumerate(nets)
        )
        for number, net in enumerate(self.nets):
            if not isinstance(net, ReIDModel):
                raise ConfigError(
                    f'model.backbone.nets.{number} must be a ReIDModel, got a {type(net).__name__}'
                )

    def forward(self, images: Tensor) -> tuple[Tensor]:
        """``(N, 3, H, W)`` in [0, 1] to one tensor ``(N, D)``, D the sum of the nets' numbers."""
        units = []
        for net in self.nets:
            preprocessor: Any = net.data_preprocessor
            prepared = images
            if preprocessor.normalizes:
                prepared = (images - preprocessor.mean) / preprocessor.std
            features = torch.cat(net(prepared), dim=1)
            dtype = torch.promote_types(features.dtype, torch.float32)
            units.append(F.normalize(features.to(dtype)))
        return (torch.cat(units, dim=1),)
