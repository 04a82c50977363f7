"""Model files of trained nets: what a config and weights say, written into one file."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config
from torch import Tensor

from msvitreid.checkpoints import extract_state_dict, read_checkpoint
from msvitreid.checkpoints.model_file import ModelFile, fingerprint, write_model_file
from msvitreid.datasets.transforms.image_preparation import (
    ImagePreparation,
    inference_pipeline,
)
from msvitreid.errors import ConfigError
from msvitreid.models import ReIDModel
from msvitreid.models.model_description import (
    architecture_of,
    build_described,
    embedding_dimension,
    input_range,
)
from msvitreid.registry import MODELS
from msvitreid.registry.type_names import short_type
from msvitreid.utils.files import make_folder, require_writable

from .config.completion import datasets_in
from .config.image_size import pipelines_in, stated_image_size
from .config.initial_weights import without_initial_weights
from .config.lazy import with_names
from .config.pipelines import resolved


def describe_model(
    cfg: Config,
    weights: Mapping[str, Tensor],
    source: str | os.PathLike[str],
    training_data: Sequence[Mapping[str, Any]] = (),
    license: str = '',
) -> tuple[ReIDModel, dict[str, Any]]:
    """The net for inference of a config and weights, and what a model file says of it.

    Args:
        cfg: a config, as stated or complete.
        weights: of the whole net; classifiers may be among them.
        source: their file, for messages.
        training_data: name and counts of each training set.
        license: a note for those who get the file.

    Returns:
        the net in evaluation mode on the CPU, and the description with its fingerprint.

    Raises:
        ConfigError: the config has no model or no test pipeline that can be described.
        CheckpointError: the weights do not fit.
    """
    cfg = resolved(with_names(cfg))
    if not isinstance(cfg.get('model'), Mapping):
        raise ConfigError('the config has no model')
    architecture = architecture_of(without_initial_weights(cfg.model))
    pipeline, value_range = inference_pipeline(_test_pipeline(cfg), stated_image_size(cfg))
    size = ImagePreparation(pipeline, value_range).output_size()
    description: dict[str, Any] = {
        'architecture': architecture,
        'pipeline': pipeline,
        'preprocessing': {
            'image_size': size and list(size),
            'color': 'rgb',
            'value_range': value_range and list(value_range),
            **input_range(architecture),
        },
        'flip': cfg.model.get('flip_test', MODELS.parameters(cfg.model)['flip_test'].default),
        'training_data': [dict(data) for data in training_data],
        'license': license,
    }
    model = build_described(ModelFile(description, weights), source)
    description['dimension'] = embedding_dimension(model, size)
    description['fingerprint'] = fingerprint(model.state_dict(), description)
    return model, description


def model_file_from_run(
    config: Config | str | os.PathLike[str],
    checkpoint: str | os.PathLike[str],
    out: str | os.PathLike[str],
    license: str = '',
) -> str:
    """Write a checkpoint, such as ``averaged.pth``, and its config as one model file.

    Args:
        config: the config, its path or its name.
        checkpoint: weights of its net.
        out: the file to write, ``model.safetensors``; missing folders are made.
        license: a note for those who get the file.

    Returns:
        The fingerprint.

    Raises:
        ConfigError, CheckpointError: see :func:`describe_model`.
        OutputError: ``out`` cannot be written.
    """
    from msvitreid.utils.config_files import find_config

    from .config.reading import load_config

    require_writable(out)
    cfg = config if isinstance(config, Config) else load_config(find_config(config))
    weights = extract_state_dict(read_checkpoint(checkpoint), checkpoint)
    trained_on = [{'name': short_type(data)} for data in datasets_in(_train_set(cfg))]
    model, description = describe_model(cfg, weights, checkpoint, trained_on, license)
    make_folder(Path(out).parent)
    return write_model_file(out, model, description)


def _train_set(cfg: Config) -> Any:
    return (cfg.get('train_dataloader') or {}).get('dataset')


def _test_pipeline(cfg: Config) -> Any:
    """The pipeline of the test set, or else of the validation set, or the one of the top level.

    Raises:
        ConfigError: there is none.
    """
    for name in ('test_dataloader', 'val_dataloader'):
        for pipeline in pipelines_in((cfg.get(name) or {}).get('dataset')):
            return pipeline
    if cfg.get('test_pipeline'):
        return cfg.test_pipeline
    raise ConfigError('the config has no test_pipeline, nor a test set with a pipeline')
