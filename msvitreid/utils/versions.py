from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

PACKAGES = ('torch', 'numpy', 'mmengine', 'mmcv-lite', 'mmcv', 'opencv-python', 'pillow')


def versions(*others: str) -> dict[str, str]:
    """Versions of msvitreid, Python and what a result depends on, where installed.

    Args:
        others: packages that took part in addition to the usual ones.
    """
    from msvitreid import __version__

    found = {'msvitreid': __version__, 'python': platform.python_version()}
    for package in (*PACKAGES, *others):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
