from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

PACKAGES = ('torch', 'numpy', 'mmengine', 'mmcv-lite', 'mmcv', 'opencv-python', 'pillow')
NOT_INSTALLED = 'not installed'


def versions(*others: str) -> dict[str, str]:
    """Versions of msvitreid, Python and what a result depends on.

    Args:
        others: packages that took part in addition to the usual ones; of one that is not
            installed the version is ``'not installed'``. The usual ones are left out then.
    """
    from msvitreid import __version__

    found = {'msvitreid': __version__, 'python': platform.python_version()}
    for package in (*PACKAGES, *others):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            if package in others:
                found[package] = NOT_INSTALLED
    return found


def not_installed(*packages: str) -> list[str]:
    """Those of the packages that are not installed."""
    stated = versions(*packages)
    return [package for package in packages if stated[package] == NOT_INSTALLED]
