from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

PACKAGES = ('torch', 'numpy', 'mmengine', 'mmcv-lite', 'mmcv', 'opencv-python', 'pillow')


def versions() -> dict[str, str]:
    """Versions of msvitreid, Python and what a result depends on, where installed."""
    from msvitreid import __version__

    found = {'msvitreid': __version__, 'python': platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
