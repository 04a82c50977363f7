"""What a test computes the net with, by the name that ``tools/test.py --backend`` takes."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.logging import print_log
from torch import Tensor, nn

from msvitreid.engine.config.class_count import build_dataset
from msvitreid.engine.config.completion import complete_config
from msvitreid.errors import ConfigError
from msvitreid.models import ReIDModel

from .openvino_net import use_openvino

#: Training images from which int8 gets its ranges, and the seed that chooses them.
CALIBRATION_IMAGES = 64
CALIBRATION_SEED = 0


def use_backend(cfg: Config, name: str) -> None:
    """Have :class:`ReIDRunner` test with 'openvino' or 'openvino-int8'; changes ``cfg``.

    Call it while the config still has its training data: int8 is calibrated with images of
    the training set, taken through the test's pipeline.

    Raises:
        ConfigError: int8 has no training set, or the test no pipeline of its own.
    """
    cfg.backend = {'type': name}
    if name != 'openvino-int8':
        return
    completed = complete_config(cfg)
    train, test = (completed.get(f'{split}_dataloader') for split in ('train', 'test'))
    if not train or 'pipeline' not in test['dataset'] or 'pipeline' not in train['dataset']:
        raise ConfigError(
            '--backend openvino-int8 calibrates with images of train_dataloader.dataset through '
            'the pipeline of test_dataloader.dataset, and the config lacks one of them; use '
            '--backend openvino'
        )
    cfg.backend['calibration'] = {**train['dataset'], 'pipeline': test['dataset']['pipeline']}


def to_backend(model: nn.Module, backend: dict[str, Any]) -> ReIDModel:
    """``model`` as the config's ``backend`` wants it.

    Raises:
        ConfigError: see :func:`use_openvino`.
        DatasetError: the training data cannot be read.
    """
    images = None
    if 'calibration' in backend:
        images = calibration_images(model, backend['calibration'])
        print_log(f'calibrating int8 with {len(images)} training images', 'current')
    return use_openvino(model.eval(), images)


def calibration_images(model: Any, dataset_cfg: dict[str, Any]) -> Tensor:
    """A preprocessed batch of :data:`CALIBRATION_IMAGES` images, or of all if they are fewer."""
    dataset = build_dataset(dataset_cfg)
    chosen = np.random.default_rng(CALIBRATION_SEED).permutation(len(dataset))  # type: ignore[arg-type]
    inputs = [dataset[int(i)]['inputs'] for i in chosen[:CALIBRATION_IMAGES]]
    return model.data_preprocessor({'inputs': torch.stack(inputs)})['inputs']
