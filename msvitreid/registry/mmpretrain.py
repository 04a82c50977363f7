"""mmpretrain 1.2.0 on today's stack: its faults, each met here and nowhere else.

Every workaround has a test in ``tests/registry/test_mmpretrain.py`` that fails when it can go.
"""

from __future__ import annotations

import functools
import importlib
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from msvitreid.errors import ConfigError

#: Scope of mmpretrain's components in a config: ``type='mmpretrain.ImageClassifier'``.
SCOPE = 'mmpretrain'

#: Components whose ``**kwargs`` go to another package, not to the base class.
WRAPPERS = ('TIMMBackbone',)


def passes_options_on(component: Any) -> bool:
    """Whether a component takes options that no signature of its own or its bases names."""
    module = str(getattr(component, '__module__', ''))
    return module.startswith(f'{SCOPE}.') and getattr(component, '__name__', '') in WRAPPERS


@functools.cache
def load_mmpretrain() -> None:
    """Import mmpretrain, once, so that its components can be looked up.

    Its multimodal part is left out.

    Raises:
        ConfigError: mmpretrain, or a package it needs, is not installed or cannot be imported.
    """
    try:
        with _without_multimodal(), warnings.catch_warnings():
            # Of mmcv-lite's: it lacks compiled ops, which nothing of ours needs.
            warnings.filterwarnings('ignore', message='Fail to import')
            import mmpretrain.evaluation
            import mmpretrain.models  # noqa: F401
    except ModuleNotFoundError as error:
        package = (error.name or '').partition('.')[0]
        raise ConfigError(
            f'the config names a component of mmpretrain, and {package} is not installed: '
            "run pip install 'msvitreid[pretrain]'"
        ) from error
    except (ImportError, AttributeError, AssertionError) as error:
        # It asserts the versions of mmcv and mmengine.
        raise ConfigError(
            'the config names a component of mmpretrain, which cannot be imported: '
            f"{' '.join(str(error).split())}; pip install 'msvitreid[pretrain]' gets versions that "
            'fit'
        ) from error


@contextmanager
def _without_multimodal() -> Iterator[None]:
    """Let mmpretrain believe that pycocotools is not installed while it is imported.

    Where pycocotools and transformers are, it imports its multimodal nets, which need
    attributes that newer versions of transformers have not.
    """
    # mmpretrain asks this one, not Python's own.
    metadata: Any = importlib.import_module('importlib_metadata')
    real = metadata.distribution

    def distribution(name: str) -> Any:
        if name == 'pycocotools':
            raise metadata.PackageNotFoundError(name)
        return real(name)

    metadata.distribution = distribution
    try:
        yield
    finally:
        metadata.distribution = real
        dependency: Any = sys.modules.get('mmpretrain.utils.dependency')
        if dependency is not None:
            dependency.distribution = real
