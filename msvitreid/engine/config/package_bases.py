"""Inheriting from a config of this package by ``_base_ = 'msvitreid::FOLDER/NAME.py'``."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from mmengine.config import Config

from msvitreid.errors import ConfigError
from msvitreid.utils.config_files import find_base

PREFIX = 'msvitreid::'
_ONE_AT_A_TIME = threading.RLock()


@contextmanager
def package_bases() -> Iterator[None]:
    """While the block runs, mmengine finds the bases of this package.

    By itself it knows the packages of one fixed table only, and finds those through
    ``pkg_resources``, which setuptools no longer has. They are refused in a sentence.
    """
    with _ONE_AT_A_TIME:
        of_mmengine = Config.__dict__['_get_cfg_path']

        def get_cfg_path(cfg_path: str, filename: str) -> tuple[str, str | None]:
            if cfg_path.startswith(PREFIX):
                return find_base(cfg_path.removeprefix(PREFIX)), None
            if '::' in cfg_path:
                raise ConfigError(
                    f'_base_ {cfg_path!r}: only configs of {PREFIX} are found by '
                    'a package; copy the file, and name its path'
                )
            return of_mmengine.__func__(cfg_path, filename)

        Config._get_cfg_path = staticmethod(get_cfg_path)
        try:
            yield
        finally:
            Config._get_cfg_path = of_mmengine
