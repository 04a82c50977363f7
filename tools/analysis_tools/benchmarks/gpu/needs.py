"""What has to be here before anything is measured."""

from __future__ import annotations

import sys
from importlib.util import find_spec

from msvitreid.errors import ConfigError

OLDEST_PYTHON = (3, 10)
OLDEST_TORCH = (2, 4)

#: Modules that this toolkit, mmengine and mmcv import -> the packages that have them.
MODULES = {
    'addict': 'addict',
    'annotated_types': 'annotated-types',
    'cv2': 'opencv-python',
    'jinja2': 'jinja2',
    'matplotlib': 'matplotlib',
    'mmcv': 'mmcv-lite',
    'mmengine': 'mmengine',
    'numpy': 'numpy',
    'packaging': 'packaging',
    'PIL': 'pillow',
    'pydantic': 'pydantic',
    'rich': 'rich',
    'safetensors': 'safetensors',
    'scipy': 'scipy',
    'sklearn': 'scikit-learn',
    'termcolor': 'termcolor',
    'torch': 'torch',
    'yaml': 'pyyaml',
    'yapf': 'yapf',
}


def require_needs(emulated: bool) -> None:
    """Check Python, the packages and the GPU.

    Args:
        emulated: whether no GPU is needed.

    Raises:
        ConfigError: names all that is missing.
    """
    missing = [package for module, package in MODULES.items() if find_spec(module) is None]
    if sys.version_info < OLDEST_PYTHON:
        missing.insert(0, 'Python >= 3.10')
    if 'torch' not in missing:
        missing += _missing_of_torch(emulated)
    if missing:
        raise ConfigError(
            f'benchmark gpu needs {", ".join(missing)}, not found by {sys.executable}; install '
            'what is missing or put its wheels on PYTHONPATH'
        )


def _missing_of_torch(emulated: bool) -> list[str]:
    import torch

    missing = []
    if tuple(int(part) for part in torch.__version__.split('.')[:2]) < OLDEST_TORCH:
        missing.append(f'torch >= 2.4 (this is {torch.__version__})')
    if not emulated and not torch.cuda.is_available():
        missing.append('a CUDA device (torch sees none)')
    return missing
