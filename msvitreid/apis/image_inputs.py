"""The forms in which images are given: files, folders, Pillow's images, arrays, tensors."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from PIL import Image
from torch import Tensor

from msvitreid.datasets.left_out import is_clutter
from msvitreid.datasets.readers.image_kinds import is_image_name
from msvitreid.datasets.transforms.image_decoding import (
    decode_content,
    read_image,
    to_8_bits,
)
from msvitreid.datasets.transforms.image_preparation import ImagePreparation
from msvitreid.errors import ConfigError, DatasetError

Color = Literal['rgb', 'bgr']

#: What opens a pattern of file names.
WILDCARDS = '*?['


class ImageInput(NamedTuple):
    """One image to embed.

    Attributes:
        name: its path, or ``[3]`` for the fourth input if that is no file.
        value: a path as text, the bytes of an image file, an image of Pillow's, an array or a
            tensor.
    """

    name: str
    value: Any


def image_inputs(inputs: Any) -> list[ImageInput] | Iterator[ImageInput]:
    """The images of whatever names them, in order; a folder's and a pattern's sorted by path.

    Args:
        inputs: a path, a folder (searched with those below it), a pattern such as ``'*/a*.jpg'``,
            an image, an :class:`ImageInput`, or an iterable of such; an iterator is read as
            images are needed.

    Returns:
        A list if ``inputs`` has a length, else an iterator.

    Raises:
        DatasetError: a folder or a pattern has no image.
        ConfigError: ``inputs`` is nothing of the kind.
    """
    if _is_single(inputs):
        return list(_expanded(inputs, 0))
    if isinstance(inputs, Mapping | bytes) or not isinstance(inputs, Iterable):
        raise ConfigError(
            'images must be paths, folders, patterns, PIL images, arrays, tensors or an iterable '
            f'of such, got a {type(inputs).__name__}'
        )
    expanded = (found for i, one in enumerate(inputs) for found in _expanded(one, i))
    return list(expanded) if hasattr(inputs, '__len__') else expanded


def require_color(value: Any, color: str | None) -> None:
    """Check that the order of channels is known; of arrays and tensors nobody can see it.

    Raises:
        ConfigError: it is unknown, or no order.
    """
    if color not in (None, 'rgb', 'bgr'):
        raise ConfigError(f"color must be 'rgb' or 'bgr', got {color!r}")
    if color is None and isinstance(value, np.ndarray | Tensor):
        kind = 'a tensor' if isinstance(value, Tensor) else 'an array'
        raise ConfigError(
            f"color must be stated for {kind}: 'bgr' for images read by OpenCV, 'rgb' for those "
            'of Pillow and torchvision'
        )


def prepare(image: ImageInput, preparation: ImagePreparation, color: str | None) -> Tensor:
    """The uint8 image ``(3, H, W)`` that the net gets.

    Raises:
        ConfigError: ``color`` is not stated where it must be.
        DatasetError: the image cannot be read, or is none.
    """
    if isinstance(image.value, str):
        return preparation.of_file(image.value)
    return preparation.of_pixels(pixels_of(image, preparation, color), image.name)


def pixels_of(
    image: ImageInput, preparation: ImagePreparation, color: str | None
) -> np.ndarray:
    """The image in its own size, ``(H, W, 3)`` uint8 RGB.

    Raises:
        ConfigError, DatasetError: see :func:`prepare`.
    """
    name, value = image
    require_color(value, color)
    if isinstance(value, str):
        return read_image(value, preparation.value_range)
    if isinstance(value, bytes):
        return to_8_bits(decode_content(value, name), preparation.value_range)
    if isinstance(value, Image.Image):
        return preparation.pixels_of_pillow(value, name)
    if isinstance(value, Tensor):
        if value.is_nested or value.is_meta or value.dim() != 3 or value.shape[0] != 3:
            raise DatasetError(f'{name}: a tensor must be (3, H, W), got {_shape(value)}')
        value = value.detach().cpu().permute(1, 2, 0).numpy()
    if value.ndim != 3 or value.shape[2] != 3:
        raise DatasetError(f'{name}: an array must be (H, W, 3), got {_shape(value)}')
    if value.dtype != np.uint8:
        raise DatasetError(
            f'{name}: an image must have values of uint8, 0 to 255, got {value.dtype}'
        )
    if 0 in value.shape:
        raise DatasetError(f'{name}: the image has no pixels, {_shape(value)}')
    return value if color == 'rgb' else np.ascontiguousarray(value[:, :, ::-1])


def _shape(value: Any) -> str:
    return 'a nested one' if getattr(value, 'is_nested', False) else str(tuple(value.shape))


def _is_single(value: Any) -> bool:
    if isinstance(value, ImageInput):
        return True
    return isinstance(value, str | os.PathLike | Image.Image | np.ndarray | Tensor)


def _expanded(value: Any, position: int) -> Iterator[ImageInput]:
    if isinstance(value, ImageInput):
        yield value
        return
    if not isinstance(value, str | os.PathLike):
        if not _is_single(value):
            raise ConfigError(
                f'input [{position}] must be a path, a PIL image, an array or a tensor, got a '
                f'{type(value).__name__}'
            )
        yield ImageInput(f'[{position}]', value)
        return
    path = os.fsdecode(value)
    if os.path.isdir(path):
        found = sorted(_images_below(path))
        if not found:
            raise DatasetError(f'{path}: the folder has no images')
    elif any(char in path for char in WILDCARDS) and not os.path.lexists(path):
        found = sorted(_images_called(path))
        if not found:
            raise DatasetError(f'{path}: no image has such a name')
    else:
        found = [path]
    yield from (ImageInput(file, file) for file in found)


def _images_below(folder: str) -> Iterator[str]:
    for root, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not is_clutter(name)]
        yield from (os.path.join(root, name) for name in files if _is_image(name))


def _images_called(pattern: str) -> Iterator[str]:
    # The part without signs may lie in any folder, a hidden one too.
    start = min(pattern.index(char) for char in WILDCARDS if char in pattern)
    fixed = os.path.dirname(pattern[:start])
    for path in glob.glob(pattern, recursive=True):
        found = Path(path).relative_to(fixed).parts
        if _is_image(path) and not any(map(is_clutter, found)):
            yield path


def _is_image(path: str) -> bool:
    name = os.path.basename(path)
    return is_image_name(name) and not is_clutter(name)
