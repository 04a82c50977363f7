"""Nets as model files describe them: options for inference only, and building from them."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import prod
from threading import get_ident
from typing import Any

import torch
from mmengine.logging import MMLogger
from torch import Tensor
from torch.overrides import TorchFunctionMode

from msvitreid.checkpoints import fill_model
from msvitreid.checkpoints.model_file import ModelFile, read_model_file
from msvitreid.errors import CheckpointError, ConfigError, ReIDError
from msvitreid.registry import MODELS
from msvitreid.registry.named import require_registered, with_registered_names

from .preprocessor import ReIDDataPreprocessor
from .reid import ReIDModel

#: Height and width of the image that a net is tried on, where it takes any size.
ANY_SIZE = (256, 128)

PARTS = ('backbone', 'neck', 'head', 'data_preprocessor')

#: Functions that make a tensor of a size that they are given.
MAKERS = ('empty', 'zeros', 'ones', 'rand', 'randn', 'full', 'eye')


def architecture_of(model: Mapping[str, Any]) -> dict[str, Any]:
    """A model's config for inference, of plain values and registered names.

    What matters to training only is left out: ``init_cfg``, and the options that a component
    names in its ``training_options``. How the image is mirrored is left out too; it stands
    elsewhere in the file.

    Raises:
        ConfigError: the model is no :class:`ReIDModel`, or a part cannot be written down.
    """
    kind = MODELS.component(model)
    if not isinstance(kind, type) or not issubclass(kind, ReIDModel):
        raise ConfigError(
            f'model.type {getattr(kind, "__name__", kind)} is no ReIDModel, which gives embeddings'
        )
    stated = {key: value for key, value in dict(model).items() if key != 'flip_test'}
    preprocessor = stated.get('data_preprocessor')
    if preprocessor is None or isinstance(preprocessor, Mapping):
        stated['data_preprocessor'] = {'type': 'ReIDDataPreprocessor', **(preprocessor or {})}
    for name in PARTS:
        part = stated.get(name)
        if not isinstance(part, Mapping):
            raise ConfigError(f'model.{name} is no config but a {type(part).__name__}')
        stated[name] = _for_inference(part, f'model.{name}')
    return _for_inference(stated, 'model')


def build_described(file: ModelFile, source: str | os.PathLike[str]) -> ReIDModel:
    """The net of a model file, filled with its weights, in evaluation mode on the CPU.

    Raises:
        CheckpointError: the architecture names what is not registered, cannot be built, is larger
            than the weights, or they do not fit it.
        ConfigError: a package that it needs is not installed.
    """
    description = file.description
    options = {**description['architecture'], 'flip_test': description['flip']}
    try:
        require_registered(MODELS, options, 'architecture')
        if not issubclass(MODELS.component(options), ReIDModel):
            raise ConfigError(f'architecture.type {options["type"]} is no ReIDModel')
        with _Budget(file.tensors), _without_info_log():
            model = MODELS.build(options)
    except ReIDError as error:
        raise CheckpointError(f'model file {str(source)!r} cannot be built: {error}') from error
    except Exception as error:
        # A constructor may stumble over a value in any way.
        reason = ' '.join(str(error).split())[:200] or type(error).__name__
        raise CheckpointError(
            f'model file {str(source)!r} cannot be built: {reason}'
        ) from error
    fill_model(model, file.tensors, source)
    return model.eval()


def load_model(path: str | os.PathLike[str]) -> tuple[ReIDModel, Mapping[str, Any]]:
    """The net of a model file, in evaluation mode on the CPU, and its description.

    Raises:
        CheckpointError: see :func:`~msvitreid.checkpoints.model_file.read_model_file` and
            :func:`build_described`.
        ConfigError: a package that it needs is not installed.
    """
    file = read_model_file(path)
    return build_described(file, path), file.description


@contextmanager
def _without_info_log() -> Iterator[None]:
    """Drop what mmpretrain logs of each backbone of timm; only this thread's, and no warnings."""
    thread = get_ident()

    def is_kept(record: logging.LogRecord) -> bool:
        return record.levelno >= logging.WARNING or record.thread != thread

    logger = MMLogger.get_current_instance()
    logger.addFilter(is_kept)
    try:
        yield
    finally:
        logger.removeFilter(is_kept)


def input_range(architecture: Mapping[str, Any]) -> dict[str, Any]:
    """Mean, deviation and range of a net's input, as a model file describes them.

    Raises:
        ConfigError: the preprocessor is another than :class:`ReIDDataPreprocessor`.
    """
    preprocessor = architecture['data_preprocessor']
    kind = MODELS.component(preprocessor)
    if not isinstance(kind, type) or not issubclass(kind, ReIDDataPreprocessor):
        raise ConfigError('model.data_preprocessor.type is no ReIDDataPreprocessor')
    return {
        'mean': preprocessor.get('mean') or [0, 0, 0],
        'std': preprocessor.get('std') or [1, 1, 1],
        'range': [0, 1],
    }


@torch.inference_mode()
def embedding_dimension(model: ReIDModel, size: Sequence[int] | None) -> int:
    """Numbers of an embedding, by trying an image of height and width ``size``."""
    image = torch.zeros(1, 3, *(size or ANY_SIZE), dtype=torch.uint8)
    return model.embed(model.data_preprocessor({'inputs': image})['inputs']).shape[1]


def _for_inference(options: Mapping[str, Any], path: str) -> dict[str, Any]:
    kind = MODELS.component(options)
    training_only = ('init_cfg', *getattr(kind, 'training_options', ()))
    kept = {key: value for key, value in dict(options).items() if key not in training_only}
    return with_registered_names(MODELS, kept, path)


class _Budget(TorchFunctionMode):
    """Refuses to build a net that is far larger than the weights of its file.

    A few bytes of a description can ask for more memory than there is.

    Args:
        tensors: of the file.
    """

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.numbers = 4 * sum(tensor.numel() for tensor in tensors.values()) + 2**22
        self.calls = 20 * len(tensors) + 10_000

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        if getattr(func, '__name__', '') in MAKERS:
            self.calls -= 1
            self.numbers -= _requested(args, kwargs or {})
            if self.numbers < 0 or self.calls < 0:
                raise CheckpointError('its architecture is larger than its weights')
        return func(*args, **(kwargs or {}))


def _requested(args: Any, kwargs: Mapping[str, Any]) -> int:
    """Numbers of a tensor of the size that the first arguments give."""
    size = kwargs.get('size', args)
    if len(args) and isinstance(args[0], tuple | list):
        size = args[0]
    sides = [side for side in size if type(side) is int]
    return prod(sides) if sides else 0
