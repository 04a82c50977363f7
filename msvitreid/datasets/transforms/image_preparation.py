from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from msvitreid.errors import ConfigError, DatasetError
from msvitreid.registry import TRANSFORMS
from msvitreid.registry.named import require_registered, with_registered_names
from msvitreid.registry.refusals import refusals

from .image_decoding import DecodedImage, rgb_of_pillow, to_8_bits
from .image_header import MAX_PIXELS
from .keep_in_memory import KeepInMemory
from .load_image import LoadImage
from .output_size import TRIED
from .pack_reid_inputs import PackReIDInputs

#: Modes of Pillow with 16 bits a pixel, and those whose numbers have no range.
DEEP_MODES = ('I;16', 'I;16L', 'I;16B', 'I;16N')
UNBOUNDED_MODES = ('I', 'F')


class ImagePreparation:
    """Images from a file, an array or Pillow as the uint8 image that a net gets.

    The transforms are the same for all of them, so that all have the same embedding.

    Args:
        pipeline: configs of transforms of the decoded image ``img``, ``(H, W, 3)`` uint8 RGB.
        value_range: of files of 16 bits; see :class:`LoadImage`.
        edit: called with the decoded image of a file, ``(H, W, 3)`` uint8 RGB, and its path; gives
            the image that the transforms get, such as a corrupted one.

    Raises:
        ConfigError: a transform is unknown or has no such option.
    """

    def __init__(
        self,
        pipeline: Sequence[Mapping[str, Any]] = (),
        value_range: Sequence[int] | None = None,
        edit: Callable[[np.ndarray, str], np.ndarray] | None = None,
    ) -> None:
        self._edit = edit
        low_high = None if value_range is None else (value_range[0], value_range[1])
        self.value_range = low_high
        self._load = LoadImage(low_high)
        # What is registered under no name would be imported.
        require_registered(TRANSFORMS, list(pipeline), 'pipeline')
        with refusals('pipeline', Exception):
            self._transforms = [TRANSFORMS.build(_with_tuples(step)) for step in pipeline]
        self._pack = PackReIDInputs()

    def of_file(self, path: str) -> Tensor:
        """``(3, H, W)`` uint8 of an image file.

        Raises:
            DatasetError: it cannot be read, or a transform cannot take it.
        """
        entry = self._load({'img_path': path})
        if self._edit is not None:
            return self.of_pixels(self._edit(entry['img'], path), path)
        return self._transformed(entry, path)

    def of_pixels(self, pixels: np.ndarray, name: str = 'the image') -> Tensor:
        """``(3, H, W)`` uint8 of an image ``(H, W, 3)``, uint8 RGB.

        Raises:
            DatasetError: a transform cannot take it; ``name`` is in the sentence.
        """
        shape = pixels.shape[:2]
        entry = {'img': np.array(pixels), 'img_shape': shape, 'ori_shape': shape}
        return self._transformed(entry, name)

    def pixels_of_pillow(self, image: Image.Image, name: str = 'the image') -> np.ndarray:
        """``(H, W, 3)`` uint8 RGB of an image of Pillow's, decoded as a file's is.

        Raises:
            DatasetError: it cannot be decoded, or its numbers have no range.
        """
        if image.width * image.height > MAX_PIXELS:
            raise DatasetError(f'{name}: the image has more than {MAX_PIXELS:,} pixels')
        if image.mode in UNBOUNDED_MODES:
            raise DatasetError(
                f'{name}: the values of an image of mode {image.mode} have no range; convert it '
                'to RGB'
            )
        try:
            if image.mode not in DEEP_MODES:
                return rgb_of_pillow(image)
            gray = np.asarray(image).astype(np.uint16)
        except (OSError, SyntaxError, ValueError) as error:
            raise DatasetError(
                f'{name}: the image cannot be decoded ({" ".join(str(error).split())})'
            ) from error
        return to_8_bits(DecodedImage(np.stack([gray] * 3, axis=2), 65535), self.value_range)

    def output_size(self) -> tuple[int, int] | None:
        """Height and width of all images, or ``None`` where those of the input decide."""
        black = [np.zeros((*size, 3), np.uint8) for size in TRIED]
        sizes = {tuple(self.of_pixels(image).shape[1:]) for image in black}
        return sizes.pop() if len(sizes) == 1 else None  # type: ignore[return-value]

    def _transformed(self, entry: Any, name: str) -> Tensor:
        try:
            for transform in self._transforms:
                entry = transform(entry)
            image = self._pack(entry)['inputs']
        except DatasetError:
            raise
        except Exception as error:
            # Transforms of others raise whatever they stumble over.
            reason = ' '.join(str(error).split())[:200] or type(error).__name__
            raise DatasetError(
                f'{name}: the test pipeline cannot take it ({reason})'
            ) from error
        if image.dtype != torch.uint8 or image.dim() != 3 or len(image) != 3:
            raise DatasetError(
                f'{name}: the test pipeline makes {image.dtype} {tuple(image.shape)} of it, not '
                'uint8 (3, H, W)'
            )
        return image


def inference_pipeline(
    steps: Sequence[Mapping[str, Any]], image_size: tuple[int, int] | None = None
) -> tuple[list[dict[str, Any]], tuple[int, int] | None]:
    """A test pipeline's transforms after the decoding, as plain values, and its ``value_range``.

    Args:
        steps: configs from :class:`LoadImage` to :class:`PackReIDInputs`.
        image_size: height and width; a pipeline that leaves images the size of their files, as one
            may whose dataset is cut to size, is given a ``Resize`` to it.

    Raises:
        ConfigError: the pipeline begins or ends with another transform, or one is registered under
            no name.
    """
    flat = list(_flattened(steps))
    kinds = [TRANSFORMS.component(step) for step in flat]
    if len(kinds) < 2 or not _is(kinds[0], LoadImage) or not _is(kinds[-1], PackReIDInputs):
        raise ConfigError(
            'test_pipeline must begin with LoadImage and end with PackReIDInputs for images that '
            'come from elsewhere than a dataset'
        )
    pipeline = with_registered_names(TRANSFORMS, flat[1:-1], 'test_pipeline')
    value_range = flat[0].get('value_range')
    if image_size is not None and ImagePreparation(pipeline).output_size() is None:
        pipeline.append({'type': 'Resize', 'scale': [image_size[1], image_size[0]]})
    return pipeline, None if value_range is None else (value_range[0], value_range[1])


def _flattened(steps: Sequence[Mapping[str, Any]]) -> Any:
    """The steps, and in place of a :class:`KeepInMemory` those whose result it keeps."""
    for step in steps:
        if _is(TRANSFORMS.component(step), KeepInMemory):
            yield from _flattened(step['transforms'])
        else:
            yield step


def _with_tuples(node: Any) -> Any:
    """A step with tuples in place of lists of numbers, which some transforms insist on."""
    if isinstance(node, Mapping):
        return {key: _with_tuples(value) for key, value in node.items()}
    if isinstance(node, list):
        kind = tuple if all(isinstance(item, int | float) for item in node) else list
        return kind(_with_tuples(item) for item in node)
    return node


def _is(component: Any, kind: type) -> bool:
    return isinstance(component, type) and issubclass(component, kind)
