from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from torch import Tensor, nn

from msvitreid.engine.config.class_count import build_dataset
from msvitreid.engine.distributed.unwrap_model import unwrap_model
from msvitreid.errors import ConfigError
from msvitreid.registry import BACKENDS, HOOKS

if TYPE_CHECKING:
    from msvitreid.engine.runner import ReIDRunner

#: Chooses the images for calibration.
CALIBRATION_SEED = 0


@HOOKS.register_module()
class InferenceNetHook(Hook):
    """Exchanges the net for a faster copy in a run that only tests.

    With ``compile`` in the config the copy is compiled then, if its backend allows it.

    Args:
        backend: name in the registry of backends; see :mod:`msvitreid.deployment.backends`.
        calibration: config of a dataset of training images with the test's pipeline, for
            backends that need some.

    Raises:
        ConfigError: there is no such backend, or it needs ``calibration`` and there is none.
        DatasetError: the images for calibration cannot be read.
    """

    # After the summary, which names the parts of the net as it is configured.
    priority = 'LOWEST'

    def __init__(
        self, backend: str = 'torch', calibration: Mapping[str, Any] | None = None
    ) -> None:
        self.backend = BACKENDS.build({'type': backend})
        self.name = backend
        self.calibration = calibration
        if self.backend.calibration_images and not calibration:
            raise ConfigError(
                f'InferenceNetHook backend={backend!r} needs calibration, the config of a dataset'
            )

    def before_test(self, runner: ReIDRunner) -> None:
        if runner._train_loop is not None:
            _compile(runner)
            return
        model: Any = unwrap_model(runner).eval()
        images = None
        if self.calibration:
            number = self.backend.calibration_images
            images = calibration_images(model, self.calibration, number)
            runner.logger.info(f'calibrating {self.name} with {len(images)} training images')
        net: Any = self.backend.convert(model, images)
        if not isinstance(net, nn.Module):
            raise ConfigError(
                f'backend {self.name!r} must give a torch.nn.Module, got {type(net).__name__}'
            )
        if is_model_wrapper(runner.model):
            runner.model.module = net
        else:
            runner.model = net
        if self.backend.compiles:
            _compile(runner)


def _compile(runner: Any) -> None:
    # A runner of mmengine's compiles the step itself.
    if hasattr(runner, 'compile_backbone'):
        runner.compile_backbone()


def calibration_images(model: Any, dataset_cfg: Mapping[str, Any], number: int) -> Tensor:
    """A preprocessed batch ``(number, 3, H, W)`` of a dataset, or of all if they are fewer."""
    dataset: Any = build_dataset(dataset_cfg)
    chosen = np.random.default_rng(CALIBRATION_SEED).permutation(len(dataset))
    inputs = [dataset[int(i)]['inputs'] for i in chosen[:number]]
    return model.data_preprocessor({'inputs': torch.stack(inputs)})['inputs']
