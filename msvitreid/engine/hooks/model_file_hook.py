from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from mmengine.dist import master_only
from mmengine.hooks import EMAHook, Hook
from mmengine.runner import IterBasedTrainLoop, Runner
from torch import nn

from msvitreid.checkpoints.checkpoint_names import is_result_name
from msvitreid.checkpoints.model_file import SUFFIX, write_model_file
from msvitreid.datasets.base import innermost
from msvitreid.engine.distributed.unwrap_model import unwrap_model
from msvitreid.engine.run_description import describe_model
from msvitreid.errors import CheckpointError, ConfigError
from msvitreid.registry import HOOKS


@HOOKS.register_module()
class ModelFileHook(Hook):
    """Writes the result of a run as a file that needs no config to be used.

    The result is the averaged net, or without averaging the last one; ``ReIDInferencer`` takes
    the file. A net that cannot be described, such as a classifier or one of a backbone that is
    registered under no name, is left out with a line in the log.

    Args:
        filename: in the work directory.
        license: a note for those who get the file.

    Raises:
        ConfigError: ``filename`` is no name of a safetensors file.
    """

    # After the averaging, before the last line.
    priority = 'VERY_LOW'
    only_trains = True

    def __init__(self, filename: str = f'model{SUFFIX}', license: str = '') -> None:
        if not is_result_name(filename, SUFFIX):
            raise ConfigError(
                f'ModelFileHook filename must be a name such as model{SUFFIX}, got {filename!r}'
            )
        self.filename = filename
        self.license = license

    @master_only
    def after_train(self, runner: Runner) -> None:
        path = Path(runner.work_dir) / self.filename
        weights = _result(runner).state_dict()
        try:
            model, description = describe_model(
                runner.cfg, weights, path, _training_data(runner), self.license
            )
            description['trained'] = _position(runner)
            fingerprint = write_model_file(path, model, description)
        except (CheckpointError, ConfigError) as error:
            runner.logger.log(logging.WARNING, f'no {self.filename} is written: {error}')
            return
        runner.logger.info(
            f'wrote the net with its preprocessing to {path} (fingerprint {fingerprint[:12]}); '
            'msvitreid.apis.ReIDInferencer takes it without a config'
        )


def _result(runner: Runner) -> nn.Module:
    for hook in runner.hooks:
        if isinstance(hook, EMAHook):
            # What its checkpoints hold, and what is tested.
            return hook.ema_model.module
    return unwrap_model(runner)


def _position(runner: Runner) -> dict[str, int]:
    if isinstance(runner.train_loop, IterBasedTrainLoop):
        return {'epochs': 0, 'iterations': runner.iter}
    return {'epochs': runner.epoch}


def _training_data(runner: Runner) -> list[dict[str, Any]]:
    dataset = innermost(runner.train_dataloader.dataset)
    name = str(getattr(dataset, 'name', type(dataset).__name__))
    facts: dict[str, Any] = {'name': name, 'images': len(dataset)}
    if hasattr(dataset, 'statistics'):
        counts = dataset.statistics().get('train')
        for key in ('identities', 'cameras'):
            if isinstance(getattr(counts, key, None), int):
                facts[key] = int(getattr(counts, key))
    return [facts]
