"""What ``--backend`` means for a config."""

from __future__ import annotations

import inspect
from typing import Any, cast

from mmengine.config import Config

from msvitreid.deployment import Backend
from msvitreid.errors import ConfigError
from msvitreid.registry import BACKENDS

from .completion import complete_config


def use_backend(cfg: Config, name: str | None) -> str:
    """Have a test compute the net with a registered backend; changes ``cfg``.

    Call it while the config still has its training data: some backends are calibrated with
    images of the training set, taken through the test's pipeline.

    Args:
        cfg: the config.
        name: in the registry of backends; ``None`` for what the config states.

    Returns:
        The name.

    Raises:
        ConfigError: nothing is registered under the name, or a backend that is calibrated has
            no training set, or the test no pipeline of its own.
    """
    hooks = cfg.get('default_hooks') or {}
    if name is None:
        return (hooks.get('inference_net') or {}).get('backend', 'torch')
    kind: Any = BACKENDS.get(name)
    if not (inspect.isclass(kind) and issubclass(kind, Backend)):
        raise ConfigError(
            f'--backend {name}: {kind!r} is no subclass of msvitreid.deployment.Backend'
        )
    hook: dict[str, Any] = dict(type='InferenceNetHook', backend=name)
    if kind.calibration_images:
        completed = cast(Config, complete_config(cfg))
        train, test = (completed.get(f'{split}_dataloader') for split in ('train', 'test'))
        if not train or 'pipeline' not in test['dataset'] or 'pipeline' not in train['dataset']:
            raise ConfigError(
                f'--backend {name} calibrates with images of train_dataloader.dataset through '
                'the pipeline of test_dataloader.dataset, and the config lacks one of them; use '
                'another --backend'
            )
        hook['calibration'] = {**train['dataset'], 'pipeline': test['dataset']['pipeline']}
    cfg.default_hooks = {**hooks, 'inference_net': hook}
    return name
