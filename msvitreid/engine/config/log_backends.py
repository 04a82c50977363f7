"""Where mmengine can write a run's curves to, and the packages that takes."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

from msvitreid.errors import ConfigError
from msvitreid.registry.type_names import short_type

#: What to install for a backend of mmengine's: the module, and how pip calls it.
PACKAGES = {
    'TensorboardVisBackend': ('tensorboard', "'msvitreid[tensorboard]'"),
    'WandbVisBackend': ('wandb', "'msvitreid[wandb]'"),
    'MLflowVisBackend': ('mlflow', 'mlflow'),
    'ClearMLVisBackend': ('clearml', 'clearml'),
    'NeptuneVisBackend': ('neptune', 'neptune'),
    'DVCLiveVisBackend': ('dvclive', 'dvclive'),
    'AimVisBackend': ('aim', 'aim'),
}


def require_packages(visualizer: Any) -> None:
    """Check that what a visualizer's config writes with is installed.

    mmengine itself would find out later, and end with a traceback.

    Raises:
        ConfigError: a backend's package is missing; the sentence has the pip command.
    """
    backends = visualizer.get('vis_backends') if isinstance(visualizer, Mapping) else None
    for backend in backends or ():
        kind = short_type(backend)
        module, requirement = PACKAGES.get(kind, (None, None))
        if module is not None and find_spec(module) is None:
            raise ConfigError(
                f'visualizer.vis_backends has {kind}, which needs the package {module}: '
                f'pip install {requirement}'
            )
