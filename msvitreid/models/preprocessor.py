from __future__ import annotations

from collections.abc import Sequence

import torch
from mmengine.model import BaseDataPreprocessor
from torch import Tensor

from msvitreid.registry import MODELS


@MODELS.register_module()
class ReIDDataPreprocessor(BaseDataPreprocessor):
    """Bring a batch to the device, to [0, 1], and in training through batch augmentations.

    Args:
        mean, std: per RGB channel, in units of the [0, 1] image; ``None`` (as in the
            published runs) leaves the image as it is.
        batch_augments: configs of callables on the float batch, applied in training only,
            before the normalisation.
        non_blocking: copy asynchronously.
    """

    def __init__(
        self,
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
        batch_augments: Sequence[dict] = (),
        non_blocking: bool = True,
    ) -> None:
        super().__init__(non_blocking=non_blocking)
        self.normalizes = mean is not None or std is not None
        self.register_buffer('mean', _per_channel(mean, 0.0), persistent=False)
        self.register_buffer('std', _per_channel(std, 1.0), persistent=False)
        self.batch_augments = [MODELS.build(augment) for augment in batch_augments]

    def forward(self, data: dict, training: bool = False) -> dict:
        """``inputs`` uint8 ``(N, 3, H, W)`` RGB (or a list of images) to a float batch.

        Data samples stay where they are: what a model needs of them it moves as one tensor.
        """
        inputs = data['inputs']
        if not isinstance(inputs, Tensor):
            inputs = torch.stack(list(inputs))
        inputs = inputs.to(self.device, non_blocking=self._non_blocking).float().div_(255.0)
        if training:
            for augment in self.batch_augments:
                inputs = augment(inputs)
        if self.normalizes:
            inputs = (inputs - self.mean) / self.std
        return {'inputs': inputs, 'data_samples': data.get('data_samples')}


def _per_channel(values: Sequence[float] | None, default: float) -> Tensor:
    return torch.tensor([default] * 3 if values is None else list(values)).view(3, 1, 1)
