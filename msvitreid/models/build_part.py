from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msvitreid.errors import ConfigError
from msvitreid.registry import MODELS


def build_part(option: str, cfg: Any, **defaults: Any) -> Any:
    """Build a part of a model from its config.

    Args:
        option: how a sentence calls it, e.g. 'model.neck'.
        cfg: the config.
        defaults: options that hold where ``cfg`` is silent, ``type`` among them.

    Raises:
        ConfigError: ``cfg`` is no dict with a type, or see :meth:`SuggestingRegistry.build`.
    """
    if not isinstance(cfg, Mapping):
        raise ConfigError(f"{option} must be a dict such as dict(type='...'), got {cfg!r}")
    cfg = {**defaults, **cfg}
    if not isinstance(cfg.get('type'), str) and not callable(cfg.get('type')):
        raise ConfigError(f'{option} needs a type, the name of a component, got {cfg}')
    return MODELS.build(cfg)
