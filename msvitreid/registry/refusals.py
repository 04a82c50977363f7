"""What the constructors of a config's components refuse, as one sentence."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from msvitreid.errors import ConfigError, ReIDError

#: Our extra that installs a module.
EXTRAS = {
    'mmpretrain': 'pretrain',
    'pytorch_metric_learning': 'metric-learning',
    'timm': 'timm',
    'torchvision': 'pretrain',
}

#: What OpenMMLab's and torch's constructors raise where a value is none of those they take.
REFUSALS = (AssertionError, ImportError, KeyError, ValueError)


@contextmanager
def refusals(what: str, *kinds: type[Exception]) -> Iterator[None]:
    """Make errors of a ``with`` block that builds something a sentence about the config.

    Args:
        what: is built, in words or as the key of the config.
        kinds: of error; :data:`REFUSALS` by default.

    Raises:
        ConfigError: an error of one of the kinds, unless it is a :class:`ReIDError`, which is
            a sentence already.
    """
    try:
        yield
    except Exception as error:
        if isinstance(error, ReIDError) or not isinstance(error, kinds or REFUSALS):
            raise
        reason = ' '.join(str(error).split())[:300] or type(error).__name__
        if isinstance(error, ImportError):
            raise ConfigError(_missing_package(what, error, reason)) from error
        raise ConfigError(f'{what} cannot be built: {reason}') from error


def _missing_package(what: str, error: ImportError, reason: str) -> str:
    package = (error.name or '').partition('.')[0]
    # mmpretrain raises errors of its own, which name the package in their text only.
    named = [name for name in EXTRAS if re.search(rf'\b{name}\b', f'{package} {error}')]
    return (
        f'{what} needs {named[0] if named else package or "a package"}, which cannot be imported '
        f'({reason}): '
        + (f"pip install 'msvitreid[{EXTRAS[named[0]]}]'" if named else 'install it')
    )
