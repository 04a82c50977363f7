from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

from mmengine.model import BaseModule
from torch import Tensor

from msvitreid.errors import ConfigError
from msvitreid.registry import MODELS


@MODELS.register_module()
class FeatureHead(BaseModule):
    """Vectors are the features as they come: for nets that are trained already.

    Args:
        num_classes: not used; training fills it in.
    """

    training_options = ('num_classes',)

    def __init__(self, num_classes: int | None = None) -> None:
        super().__init__()

    def forward(self, vectors: Sequence[Tensor]) -> list[Tensor]:
        """Vectors ``(N, C)`` as they are."""
        return list(vectors)

    def loss(self, vectors: Sequence[Tensor], data_samples: Sequence[Any]) -> NoReturn:
        raise ConfigError(
            'FeatureHead has no classifier to train; train the nets by themselves and join them '
            'afterwards, or name another model.head'
        )
