from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Any, Literal

import numpy as np
import torch
from mmengine.config import Config
from torch import Tensor

from msvitreid.checkpoints import extract_state_dict, read_checkpoint
from msvitreid.checkpoints.model_file import is_model_file
from msvitreid.datasets.transforms.image_preparation import ImagePreparation
from msvitreid.deployment.export import ExportedNet, is_exported, load_exported
from msvitreid.engine.run_description import describe_model
from msvitreid.errors import ConfigError, DatasetError
from msvitreid.evaluation.functional.inputs import as_matrix
from msvitreid.models import ReIDModel
from msvitreid.models.model_description import load_model
from msvitreid.registry import BACKENDS
from msvitreid.utils.checks import require_whole
from msvitreid.utils.printable import counted

from .image_inputs import Color, ImageInput, image_inputs, pixels_of, require_color
from .image_stream import Prepared, batches, in_batches, progress_bar
from .model_zoo import get_config
from .results import Embeddings
from .torch_net import PRECISIONS, TorchNet

OnError = Literal['raise', 'skip']

#: How far the length of a usable embedding may be from 1.
TOLERANCE = 1e-2


class ReIDInferencer:
    """Images to embeddings, with the preprocessing that belongs to the net.

    Files, PIL images, arrays and tensors go through the same transforms, so that an image has
    the same embedding in whatever form it is given.

    Args:
        file_or_config: a model file (``model.safetensors``), a file that ``msvitreid export``
            wrote, or a config, its path or its name; also a net that
            :func:`~msvitreid.deployment.export.load_exported` gave.
        weights: with a config, the checkpoint, such as a run's ``averaged.pth``.
        device: ``'auto'`` (or ``None``) takes a GPU if there is one and the backend can use it.
        backend: what computes the net, a name in the registry of backends.
        precision: ``'float16'`` and ``'bfloat16'`` compute with autocast on a GPU.

    Raises:
        ConfigError: an option has no such value, or the config cannot be used.
        CheckpointError: the file cannot be used; nothing of it is executed.
    """

    def __init__(
        self,
        file_or_config: str | os.PathLike[str] | Config | ExportedNet | TorchNet,
        weights: str | os.PathLike[str] | None = None,
        device: str | torch.device | None = 'auto',
        backend: str = 'torch',
        precision: str = 'float32',
    ) -> None:
        self._net = _net(file_or_config, weights, device, backend, precision)
        self.device = torch.device(self._net.device)
        self.backend, self.precision = self._net.backend, self._net.precision
        self.description = self._net.description
        preprocessing = self.description['preprocessing']
        self.preparation = ImagePreparation(
            self.description['pipeline'], preprocessing['value_range']
        )

    @property
    def fingerprint(self) -> str:
        """SHA-256 of weights and of all else that changes an embedding."""
        return self.description['fingerprint']

    @property
    def dimension(self) -> int:
        """Numbers of an embedding, ``D``."""
        return self.description['dimension']

    def __call__(self, inputs: Any, batch_size: int = 32, **options: Any) -> np.ndarray:
        """The embeddings ``(N, D)`` alone; see :meth:`embed`."""
        return self.embed(inputs, batch_size, **options).embeddings

    def embed(
        self,
        inputs: Any,
        batch_size: int = 32,
        flip: bool | None = None,
        color: Color | None = None,
        on_error: OnError = 'raise',
        progress: bool | None = None,
        workers: int | None = None,
    ) -> Embeddings:
        """Embed images of any number, sizes and kinds.

        Args:
            inputs: a path, a folder, a pattern (``'*/a*.jpg'``), a PIL image, an array
                ``(H, W, 3)`` or a tensor ``(3, H, W)`` of uint8, or an iterable of such; of an
                iterator only a batch at a time is in memory. None of them gives ``(0, D)``.
            batch_size: images computed together; it does not change the embeddings.
            flip: add the features of the mirrored image; ``None`` as the model was tested.
            color: order of channels of arrays and tensors, required for them.
            on_error: ``'raise'``, or ``'skip'`` to list what cannot be embedded in ``failed``.
            progress: show a bar with the time left; ``None`` does on a terminal.
            workers: processes that decode files; ``None`` chooses by their number.

        Raises:
            ConfigError: an option has no such value, or ``color`` is missing.
            DatasetError: an image cannot be read, or has no usable embedding.
        """
        require_color(None, color)
        require_whole('batch_size', batch_size, 1)
        if workers is not None:
            require_whole('workers', workers, 0)
        images = image_inputs(inputs)
        stream = batches(images, self.preparation, batch_size, color, workers)
        total = len(images) if isinstance(images, list) else 0
        return self._embed(stream, flip, on_error, progress, total)

    def embed_boxes(
        self,
        frame: Any,
        xyxy: Any,
        color: Color | None = None,
        batch_size: int = 32,
        flip: bool | None = None,
        on_error: OnError = 'skip',
    ) -> Embeddings:
        """Embed the boxes of a frame, as a detector or tracker gives them.

        Args:
            frame: an image as :meth:`embed` takes one.
            xyxy: ``(N, 4)`` left, top, right and bottom in pixels, right and bottom exclusive;
                boxes are clipped to the frame, and parts of pixels count as whole ones.
            color, batch_size, flip: see :meth:`embed`.
            on_error: about boxes without a pixel in the frame: ``'skip'`` lists them in
                ``failed``, as ``'[3]'`` for the fourth, or ``'raise'``.

        Raises:
            ConfigError: ``color`` is missing, or an option has no such value.
            DatasetError: the frame cannot be read, or the boxes are not ``(N, 4)`` numbers.
        """
        require_whole('batch_size', batch_size, 1)
        images = image_inputs(frame)
        if not isinstance(images, list) or len(images) != 1:
            raise DatasetError('embed_boxes takes one frame: a path, an image or an array')
        pixels = pixels_of(images[0], self.preparation, color)
        crops = (
            ImageInput(
                f'[{i}]', crop if crop.size else f'the box {box} has no pixel in the frame'
            )
            for i, (box, crop) in enumerate(_crops(pixels, xyxy))
        )
        prepared = (self._prepare_crop(crop) for crop in crops)
        return self._embed(in_batches(prepared, batch_size), flip, on_error, False, 0)

    def describe(self) -> dict[str, Any]:
        """What the net is, how images are prepared, and what computes it."""
        return {
            **self.description,
            'device': str(self.device),
            'backend': self.backend,
            'precision': self.precision,
        }

    def _prepare_crop(self, crop: ImageInput) -> Prepared:
        if isinstance(crop.value, str):
            return Prepared(crop.name, None, crop.value)
        try:
            return Prepared(crop.name, self.preparation.of_pixels(crop.value, crop.name))
        except DatasetError as error:
            return Prepared(crop.name, None, str(error))

    def _embed(
        self,
        stream: Iterable[Sequence[Prepared]],
        flip: bool | None,
        on_error: str,
        progress: bool | None,
        total: int,
    ) -> Embeddings:
        if flip not in (None, True, False):
            raise ConfigError(f'flip must be True, False or None, got {flip!r}')
        if on_error not in ('raise', 'skip'):
            raise ConfigError(f"on_error must be 'raise' or 'skip', got {on_error!r}")
        flipped = self.description['flip'] if flip is None else flip
        parts: list[np.ndarray] = [np.zeros((0, self.dimension), np.float32)]
        paths: list[str] = []
        failed: dict[str, str] = {}
        with progress_bar(progress, total) as advance:
            for batch in stream:
                embeddings = self._compute(batch, flipped)
                # A sum of squares is NaN or infinite where a number is.
                lengths = np.sqrt(np.square(embeddings, dtype=np.float64).sum(axis=1))
                for image, embedding, length in zip(batch, embeddings, lengths, strict=True):
                    reason = image.reason or _fault(length, image.name)
                    if reason and on_error == 'raise':
                        raise DatasetError(reason)
                    if reason:
                        failed[image.name] = reason
                    else:
                        paths.append(image.name)
                        parts.append(embedding[None])
                advance(len(batch))
        return Embeddings(np.concatenate(parts), paths, failed, self.fingerprint)

    def _compute(self, batch: Sequence[Prepared], flip: bool) -> np.ndarray:
        """Embeddings of a batch, NaN where there is no image; sizes may differ."""
        result = np.full((len(batch), self.dimension), np.nan, np.float32)
        by_size: dict[tuple[int, ...], list[int]] = {}
        for index, image in enumerate(batch):
            if image.pixels is not None:
                by_size.setdefault(tuple(image.pixels.shape), []).append(index)
        for indices in by_size.values():
            pixels = [image.pixels for image in (batch[i] for i in indices)]
            stacked = torch.stack(pixels).numpy()  # type: ignore[arg-type]
            computed = self._net.embed(stacked, flip)
            if computed.shape[1] != self.dimension:
                raise ConfigError(
                    f'the net gives {counted(computed.shape[1], "number")} an image where its '
                    f'description says {self.dimension}; use another file'
                )
            result[indices] = computed
        return result


def _net(
    source: Any, weights: Any, device: Any, backend: str, precision: str
) -> ExportedNet | TorchNet:
    if precision not in PRECISIONS:
        raise ConfigError(f'precision must be one of {[*PRECISIONS]}, got {precision!r}')
    made = isinstance(source, ExportedNet | TorchNet)
    if made or (not isinstance(source, Config) and is_exported(source)):
        if weights is not None or backend != 'torch' or precision != 'float32':
            raise ConfigError(
                'an exported file has its own weights and runtime; leave out weights, backend and '
                'precision'
            )
        chosen_device(device, 'of an exported file')
        return source if made else load_exported(source)
    chosen: Any = BACKENDS.build({'type': backend})
    if chosen.calibration_images:
        raise ConfigError(
            f'backend {backend!r} is calibrated with training images; use it by msvitreid '
            'test, or choose another one'
        )
    computed_on = chosen_device(device, None if chosen.device is None else backend)
    if precision != 'float32' and computed_on.type != 'cuda':
        raise ConfigError(f'precision {precision!r} needs a GPU; use float32 on the CPU')
    model, description = _load(source, weights)
    return TorchNet(chosen.convert(model), description, computed_on, backend, precision)


def _load(source: Any, weights: Any) -> tuple[ReIDModel, Any]:
    if not isinstance(source, Config) and is_model_file(source):
        if weights is not None:
            raise ConfigError(f'{str(source)!r} has its own weights; leave out weights')
        return load_model(source)
    if not isinstance(source, Config) and str(source).endswith(('.pth', '.pt')):
        raise ConfigError(
            f'{str(source)!r} has no preprocessing in it; give its config first: '
            'ReIDInferencer(CONFIG, CHECKPOINT)'
        )
    if weights is None:
        what = (
            'a config'
            if isinstance(source, Config)
            else f'{str(source)!r} is no model file, and'
        )
        raise ConfigError(f'{what} needs weights: ReIDInferencer(CONFIG, CHECKPOINT)')
    cfg = source if isinstance(source, Config) else get_config(source)
    return describe_model(cfg, extract_state_dict(read_checkpoint(weights), weights), weights)


def chosen_device(
    device: str | torch.device | None, cpu_backend: str | None = None
) -> torch.device:
    """The device, of a backend that computes on the CPU only if it is named.

    Raises:
        ConfigError: there is no such device, or the backend cannot use it.
    """
    if device is None or device == 'auto':
        has_gpu = torch.cuda.is_available() and cpu_backend is None
        return torch.device('cuda' if has_gpu else 'cpu')
    try:
        chosen = torch.device(device)
    except (RuntimeError, TypeError) as error:
        raise ConfigError(
            f"device must be 'auto', 'cpu' or 'cuda:0', got {device!r}"
        ) from error
    if chosen.type not in ('cpu', 'cuda'):
        raise ConfigError(f"device must be 'auto', 'cpu' or 'cuda:0', got {device!r}")
    if chosen.type == 'cuda' and (chosen.index or 0) >= torch.cuda.device_count():
        raise ConfigError(f'device {device!r} is not there; use auto')
    if chosen.type == 'cuda' and cpu_backend is not None:
        raise ConfigError(f'backend {cpu_backend!r} computes on the CPU; use device auto')
    return chosen


def _fault(length: float, name: str) -> str:
    if abs(length - 1) <= TOLERANCE:
        return ''
    return f'{name}: the net gives an embedding of length {length:.3g}, which cannot be used'


def _crops(pixels: np.ndarray, xyxy: Any) -> Iterable[tuple[list[float], np.ndarray]]:
    """Each box and its part of the frame, which may be empty."""
    is_array = isinstance(xyxy, np.ndarray | Tensor)
    if (0 in xyxy.shape) if is_array else (isinstance(xyxy, list | tuple) and not xyxy):
        return []
    try:
        boxes = as_matrix(xyxy, 'boxes', '(N, 4)').cpu().double().numpy()
    except ValueError as error:
        raise DatasetError(str(error)) from error
    if boxes.size == 0:
        return []
    if boxes.shape[1] != 4:
        raise DatasetError(f'boxes must have shape (N, 4), got {boxes.shape}')
    height, width = pixels.shape[:2]
    limits = np.array([width, height, width, height])
    low, high = np.floor(boxes[:, :2]), np.ceil(boxes[:, 2:])
    clipped = np.nan_to_num(np.concatenate([low, high], axis=1).clip(0, limits)).astype(int)
    # A box with a NaN is none.
    clipped[np.isnan(boxes).any(axis=1)] = 0
    return [
        (box.tolist(), pixels[top:bottom, left:right])
        for box, (left, top, right, bottom) in zip(boxes, clipped, strict=True)
    ]
