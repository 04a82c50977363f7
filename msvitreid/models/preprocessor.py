from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from mmengine.model import BaseDataPreprocessor
from torch import Tensor

from msvitreid.errors import ConfigError, DatasetError
from msvitreid.registry import MODELS
from msvitreid.structures import UnpreparedImages
from msvitreid.utils.checks import is_number

from .build_part import build_part
from .sampling import sample_images


@MODELS.register_module()
class ReIDDataPreprocessor(BaseDataPreprocessor):
    """Bring a batch to the device, to [0, 1], and in training through batch augmentations.

    Args:
        mean, std: per RGB channel, in units of the [0, 1] image, so 0.485 and not 123.675:
            means from 0 to 1, deviations above 0 and up to 1. ``None`` (as in the published
            runs) leaves the image as it is.
        batch_augments: configs of callables on the float batch, applied in training only,
            before the normalization; ``None`` or an empty list trains without.
        non_blocking: copy asynchronously.

    Raises:
        ConfigError: ``mean`` or ``std`` is not three numbers or one is out of its range, or
            ``batch_augments`` is not a list.
    """

    #: Options that do not matter to a trained net.
    training_options = ('batch_augments', 'non_blocking')

    def __init__(
        self,
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
        batch_augments: Sequence[Mapping[str, Any]] | None = (),
        non_blocking: bool = True,
    ) -> None:
        super().__init__(non_blocking=non_blocking)
        self.normalizes = mean is not None or std is not None
        self.register_buffer('mean', _per_channel('mean', mean, 0.0), persistent=False)
        self.register_buffer('std', _per_channel('std', std, 1.0), persistent=False)
        if not isinstance(batch_augments, list | tuple | None):
            raise ConfigError(
                'data_preprocessor.batch_augments must be a list of configs such as '
                f"[dict(type='BatchRandomErasing')], or None, got {batch_augments!r}"
            )
        self.batch_augments = [
            build_part(f'data_preprocessor.batch_augments.{number}', augment)
            for number, augment in enumerate(batch_augments or ())
        ]

    def forward(self, data: Mapping[str, Any], training: bool = False) -> dict[str, Any]:
        """``inputs`` uint8 ``(N, 3, H, W)`` RGB (or a list of images) to a float batch.

        :class:`UnpreparedImages`, or a list of them, are resized, cropped and flipped here.

        Data samples stay where they are: what a model needs of them it moves as one tensor.

        Raises:
            DatasetError: the images are of another type or number of channels, of several
                sizes or devices, or there is none.
        """
        if not isinstance(data, Mapping) or 'inputs' not in data:
            raise DatasetError(
                'a batch has no images (inputs): end the pipeline with PackReIDInputs'
            )
        inputs = self._floats(data['inputs'])
        if training:
            for augment in self.batch_augments:
                inputs = augment(inputs)
        if self.normalizes:
            inputs = (inputs - self.mean) / self.std
        return {'inputs': inputs, 'data_samples': data.get('data_samples')}

    def _floats(self, images: Any) -> Tensor:
        if isinstance(images, list) and images and isinstance(images[0], UnpreparedImages):
            images = UnpreparedImages.joined(images)
        if isinstance(images, UnpreparedImages):
            return sample_images(images, torch.device(self.device))
        batch = as_batch(images).to(self.device, non_blocking=self._non_blocking)
        return batch.float().div_(255.0)


def as_batch(images: Any) -> Tensor:
    """Images as one uint8 tensor ``(N, 3, H, W)``; a list of ``(3, H, W)`` is stacked.

    Anything else is refused, for it would be computed with and give wrong embeddings: an
    image in [0, 1], say, divided by 255 a second time is black.

    Raises:
        DatasetError: it is something else.
    """
    if isinstance(images, Tensor):
        _check(images, ('N', '3', 'H', 'W'))
        if len(images) == 0:
            raise DatasetError('a batch must have at least one image, got none')
        return images
    if not isinstance(images, list | tuple):
        raise DatasetError(
            f'images must be a uint8 tensor (N, 3, H, W) or a list of (3, H, W), got '
            f'{_described(images)}'
        )
    if not images:
        raise DatasetError('a batch must have at least one image, got an empty list')
    for image in images:
        _check(image, ('3', 'H', 'W'))
    devices = sorted({str(image.device) for image in images})
    if len(devices) > 1:
        raise DatasetError(
            f'the images of a batch must be on one device, got {", ".join(devices)}: move them '
            'by their cpu()'
        )
    sizes = sorted({f'{image.shape[1]}x{image.shape[2]}' for image in images})
    if len(sizes) > 1:
        raise DatasetError(
            f'the images of a batch must have one size, got {", ".join(sizes[:5])}: end their '
            'pipeline with Resize or a crop'
        )
    return torch.stack(list(images))


def _check(image: Any, shape: tuple[str, ...]) -> None:
    wanted = f'a uint8 tensor ({", ".join(shape)}) of RGB values 0 to 255'
    if not isinstance(image, Tensor):
        hint = ''
        if type(image).__module__ == 'numpy':
            hint = (
                '; torch.from_numpy(array).permute(2, 0, 1) makes one of an RGB image (H, W, 3)'
            )
        raise DatasetError(f'an image must be {wanted}, got {_described(image)}{hint}')
    if image.layout != torch.strided or image.is_nested:
        raise DatasetError(
            f'an image must be {wanted}, got {_described(image)}; to_dense() makes one of a sparse '
            'tensor, a list of images of one size takes the place of a nested one'
        )
    if image.is_meta:
        raise DatasetError(
            f'an image must be {wanted}, got one on the meta device, which holds no values'
        )
    if image.dtype != torch.uint8:
        raise DatasetError(
            f'an image must be {wanted}, got {_described(image)}; values in [0, 1] become bytes '
            'by (image * 255).round().to(torch.uint8)'
        )
    if image.dim() != len(shape) or image.shape[-3] != 3:
        raise DatasetError(f'an image must be {wanted}, got {_described(image)}')
    if 0 in image.shape[-2:]:
        raise DatasetError(f'an image must have pixels, got {_described(image)}')


def _described(value: Any) -> str:
    if isinstance(value, Tensor) and (value.is_nested or value.layout != torch.strided):
        # A nested tensor has no shape.
        kind = 'nested' if value.is_nested else str(value.layout).removeprefix('torch.')
        return f'a {kind} tensor of {str(value.dtype).removeprefix("torch.")}'
    if hasattr(value, 'dtype') and hasattr(value, 'shape'):
        kind = str(value.dtype).removeprefix('torch.')
        return f'{kind} {tuple(value.shape)} ({type(value).__name__})'
    return 'None' if value is None else f'a {type(value).__name__}'


def _per_channel(name: str, values: Sequence[float] | None, default: float) -> Tensor:
    if values is None:
        values = [default] * 3
    if not isinstance(values, list | tuple) or len(values) != 3:
        raise ConfigError(
            f'data_preprocessor.{name} must be three numbers, for R, G and B, got {values!r}'
        )
    if not all(is_number(value) and math.isfinite(value) for value in values):
        raise ConfigError(f'data_preprocessor.{name} must be three numbers, got {values!r}')
    tensor = torch.tensor([float(value) for value in values])
    numbers = tensor.tolist()  # as they are computed with: the least doubles are 0
    # Neither a mean nor a deviation of numbers in [0, 1] is above 1.
    if min(numbers) < 0 or max(numbers) > 1 or (name == 'std' and min(numbers) <= 0):
        hint = ''
        if 1 < max(numbers) <= 255 and min(numbers) >= 0:
            divided = [round(number / 255, 4) for number in numbers]
            hint = f'; divided by 255 it is {divided}'
        span = 'above 0 and up to 1' if name == 'std' else 'from 0 to 1'
        raise ConfigError(
            f'data_preprocessor.{name} must be {span}, in units of the [0, 1] image, got '
            f'{values!r}{hint}'
        )
    return tensor.view(3, 1, 1)
